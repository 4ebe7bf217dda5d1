/** Who is asked for names of containers and pods, as the configuration says. */
import { setTimeout as delay } from 'node:timers/promises'
import { DOMAIN_ANNOTATION, KUBEVIRT_LABELS } from '../collectors/kubevirt/identity.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/problems.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { createWorkloads, type WorkloadContext } from '../workloads/create.ts'
import type { Directory } from '../workloads/directory.ts'
import { SourceError } from '../workloads/sources/sources.ts'

/** @throws ConfigError when a source that is asked for by name can't be had. */
export function configuredWorkloads(
  config: Config,
  procfs: Procfs,
  onChange: WorkloadContext['onChange'],
) {
  try {
    return createWorkloads(keptNames(config), {
      procfs,
      cgroupRoot: cgroupRoot(config),
      nodeName: config.node.name,
      environment: process.env,
      onChange,
    })
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    throw new ConfigError([{ source: 'workloads.sources', message: error.message }])
  }
}

/** What of pods is kept: what rules ask for, and what tells virtual machines. */
function keptNames({ workloads, kubevirt }: Config): Config['workloads'] {
  if (!kubevirt.enabled) return workloads
  return {
    ...workloads,
    labels: [...workloads.labels, ...Object.values(KUBEVIRT_LABELS)],
    annotations: [...workloads.annotations, DOMAIN_ANNOTATION],
  }
}

/** Where the node's cgroup hierarchies are mounted. */
export function cgroupRoot({ cgroups }: Config): string {
  return cgroups.root ?? '/sys/fs/cgroup'
}

/** Waits until all sources have answered or failed, but no longer than the milliseconds given. */
export async function waitForNames(directory: Directory, milliseconds: number): Promise<void> {
  const timeout = new AbortController()
  const { signal } = timeout
  const waited = delay(milliseconds, undefined, { signal }).catch(() => {})
  await Promise.race([directory.refresh(), waited])
  timeout.abort()
}
