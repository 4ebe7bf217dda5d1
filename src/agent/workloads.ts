/** The sources of the names of containers and pods, as the configuration says. */
import { setTimeout as delay } from 'node:timers/promises'
import { COLLECTORS } from '../collectors/registry.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/problems.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { createWorkloads, type WorkloadContext } from '../workloads/create.ts'
import type { NameResolver } from '../workloads/name-resolver.ts'
import { SourceError } from '../workloads/sources/sources.ts'

/**
 * Creates the look-up of workloads that the configuration asks for.
 *
 * @throws ConfigError when a source that is asked for by name can't be had.
 */
export function configuredWorkloads(
  config: Config,
  procfs: Procfs,
  onChange: WorkloadContext['onChange'],
) {
  try {
    return createWorkloads(keptNames(config), {
      procfs,
      cgroupRoot: config.cgroups.root,
      nodeName: config.node.name,
      environment: process.env,
      onChange,
    })
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    throw new ConfigError([{ source: 'workloads.sources', message: error.message }])
  }
}

/** What of pods is kept: what rules ask for, and what collectors need. */
function keptNames(config: Config): Config['workloads'] {
  const needed = COLLECTORS.filter(({ isEnabled }) => isEnabled(config)).flatMap(
    ({ podKeys }) => podKeys ?? [],
  )
  const { workloads } = config
  return {
    ...workloads,
    labels: [...workloads.labels, ...needed.flatMap(({ labels }) => labels)],
    annotations: [...workloads.annotations, ...needed.flatMap(({ annotations }) => annotations)],
  }
}

/** Waits until all sources have answered or failed, but no longer than the milliseconds given. */
export async function waitForNames(resolver: NameResolver, milliseconds: number): Promise<void> {
  const timeout = new AbortController()
  const { signal } = timeout
  const waited = delay(milliseconds, undefined, { signal }).catch(() => {})
  await Promise.race([resolver.refresh(), waited])
  timeout.abort()
}
