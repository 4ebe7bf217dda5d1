/** The collectors that the configuration asks for, each on a meter of its own. */
import { hostname } from 'node:os'
import type { AgentSources } from '../collectors/agent/collector.ts'
import { daemonsetNames } from '../collectors/cgroups/daemonset-names.ts'
import { Members } from '../collectors/process-groups/members.ts'
import { ReplaceableRules } from '../collectors/process-groups/rules/replaceable-rules.ts'
import { createRules } from '../collectors/process-groups/rules/rules.ts'
import {
  COLLECTORS,
  type CollectorSettings,
  type CollectorSources,
} from '../collectors/registry.ts'
import type { Config } from '../config/config.ts'
import { readMachine } from '../kernel/machine.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { now } from '../telemetry/clock.ts'
import { ObservableMeter } from '../telemetry/meter.ts'
import { TimeSlice } from '../telemetry/time-slice.ts'
import { Vocabulary } from '../telemetry/vocabulary.ts'
import { userNames } from '../workloads/users.ts'
import type { Workloads } from '../workloads/workloads.ts'
import { cgroupRoot } from './workloads.ts'

/** How long a collection may hold the event loop in one piece. */
const SLICE_MILLISECONDS = 10

export function createCollectors(
  config: Config,
  rules: ReplaceableRules,
  procfs: Procfs,
  workloads: Workloads,
  observed: AgentSources & Pick<CollectorSources, 'notify' | 'peaks'>,
): {
  meters: ObservableMeter[]
  vocabulary: Vocabulary
  /** Names of those that take part in samples. */
  sampled: ReadonlySet<string>
} {
  const settings = collectorSettings(config, rules)
  const sources = {
    procfs,
    workloads,
    machine: readMachine(),
    members: new Members(),
    username: userNames(),
    slice: new TimeSlice(SLICE_MILLISECONDS),
    ...observed,
  }
  const start = now()
  const maxSeries = config.limits.series === 0 ? undefined : config.limits.series
  const enabled = COLLECTORS.filter(({ isEnabled }) => isEnabled(settings))
  const meters = enabled.map(({ name, register }) => {
    const meter = new ObservableMeter({ name, version: observed.version }, start, maxSeries)
    register(meter, settings, sources)
    return meter
  })
  const vocabulary = new Vocabulary(
    enabled.flatMap(({ tables }) => tables(settings)),
    daemonsetNames(config.classic.psi_prefix),
  )
  const sampled = enabled.filter(({ isSampled }) => isSampled?.(settings)).map(({ name }) => name)
  return { meters, vocabulary, sampled: new Set(sampled) }
}

/** What collectors are told. */
export function collectorSettings(
  config: Config,
  rules = new ReplaceableRules(createRules(config)),
): CollectorSettings {
  const { process_names, process_groups, compat } = config
  const strict = compat.process_exporter === 'strict'
  const { procnames, namemapping } = process_groups
  const hasOwnRules = process_names !== undefined || procnames !== '' || namemapping !== ''
  return {
    cgroups: { ...config.cgroups, ...config.pressure, root: cgroupRoot(config) },
    kubevirt: {
      ...config.kubevirt,
      strict: compat.kubevirt === 'strict',
      host: config.node.name ?? hostname(),
    },
    peaks: { enabled: config.recorder.enabled },
    perf: { ...config.cgroups, ...config.perf, root: cgroupRoot(config) },
    process_groups: {
      ...process_groups,
      rules,
      strict,
      by_workload:
        process_groups.by_workload === 'auto' ? !hasOwnRules : process_groups.by_workload,
    },
  }
}
