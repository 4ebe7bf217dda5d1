/** The readers that an explanation needs, for the command and for the page. */

import { WorkloadOwnership } from '../collectors/process-groups/account/workload-ownership.ts'
import type { ExplainSources } from '../collectors/process-groups/classify/explain.ts'
import { ReadErrors } from '../collectors/process-groups/track/read-errors.ts'
import type { Config } from '../config/config.ts'
import { readSystemConstants } from '../kernel/system-constants.ts'
import { userNames } from '../workloads/users.ts'
import type { Workloads } from '../workloads/workloads.ts'

/**
 * Creates the readers that an explanation needs.
 *
 * @param parts with a procfs that nothing else reads at the same time.
 */
export function explainSources(
  { process_groups }: Config,
  {
    procfs,
    workloads,
    ...others
  }: Pick<ExplainSources, 'procfs' | 'nameSources' | 'rules'> & { workloads: Workloads },
): ExplainSources {
  return {
    ...others,
    procfs,
    ownership: new WorkloadOwnership(procfs, workloads, new ReadErrors(), false),
    bootTime: procfs.bootTime(),
    ticksPerSecond: readSystemConstants().ticksPerSecond,
    username: userNames(),
    children: process_groups.children,
  }
}
