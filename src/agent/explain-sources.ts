/** What explanations are made from, for the command and for the page. */

import { Placement } from '../collectors/process-groups/account/workload-ownership.ts'
import type { ExplainSources } from '../collectors/process-groups/classify/explain.ts'
import { ReadingErrors } from '../collectors/process-groups/track/read-errors.ts'
import type { Config } from '../config/config.ts'
import { readMachine } from '../kernel/system-constants.ts'
import { userNames } from '../workloads/users.ts'
import type { Workloads } from '../workloads/workloads.ts'

/** @param parts with a procfs that nothing else reads at the same time. */
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
    placement: new Placement(procfs, workloads, new ReadingErrors(), { by_workload: false }),
    bootTime: procfs.bootTime(),
    ticksPerSecond: readMachine().ticksPerSecond,
    username: userNames(),
    children: process_groups.children,
  }
}
