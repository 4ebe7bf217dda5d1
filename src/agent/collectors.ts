import type { AgentSources } from '../collectors/agent/collector.ts'
import { daemonsetNames } from '../collectors/daemonset-names.ts'
import type { ReplaceableRules } from '../collectors/process-groups/classify/replaceable-rules.ts'
import { COLLECTORS, type CollectorSources } from '../collectors/registry.ts'
import type { Config } from '../config/config.ts'
import { Members } from '../entities/group-members.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { readSystemConstants } from '../kernel/system-constants.ts'
import { UsageSources } from '../recorder/usage.ts'
import { now } from '../telemetry/clock.ts'
import { ObservableMeter } from '../telemetry/meter.ts'
import { NameTranslation } from '../telemetry/name-translation.ts'
import { TimeSlice } from '../telemetry/time-slice.ts'
import { userNames } from '../workloads/users.ts'
import type { Workloads } from '../workloads/workloads.ts'
import { Cleanup } from './cleanup.ts'
import { exitCounting, taskSource } from './task-source.ts'

/** How long a collection may hold the event loop in one piece. */
const SLICE_MILLISECONDS = 10

/** Creates the enabled collectors, each with a meter of its own. */
export function createCollectors(
  config: Config,
  rules: ReplaceableRules,
  procfs: Procfs,
  workloads: Workloads,
  observed: Omit<AgentSources, 'system'> & Pick<CollectorSources, 'notify' | 'peaks'>,
): {
  meters: ObservableMeter[]
  translation: NameTranslation
  /** Where samples of cgroups come from. */
  usage: UsageSources
  /** Where the processes of the groups are found. */
  members: Members
  /** Closes what the collectors hold open. */
  close: () => Promise<void>
} {
  const slice = new TimeSlice(SLICE_MILLISECONDS)
  const system = readSystemConstants()
  const { notify } = observed
  const sources = {
    rules,
    procfs,
    workloads,
    system,
    taskSource: taskSource(config.process_groups, { procfs, system, slice, notify }),
    exits: exitCounting(config.process_groups, { procfs, notify }),
    members: new Members(),
    usage: new UsageSources(),
    username: userNames(),
    slice,
    ...observed,
  }
  const start = now()
  const maxSeries = config.limits.series === 0 ? undefined : config.limits.series
  const enabled = COLLECTORS.filter(({ isEnabled }) => isEnabled(config))
  const cleanup = new Cleanup()
  const meters = enabled.map(({ name, register }) => {
    const meter = new ObservableMeter({ name, version: observed.version }, start, maxSeries)
    const close = register(meter, config, sources)
    if (close !== undefined) cleanup.add(close)
    return meter
  })
  const translation = new NameTranslation(daemonsetNames(config.classic.psi_prefix))
  return {
    ...{ meters, translation, members: sources.members, usage: sources.usage },
    close: () => cleanup.run(0),
  }
}
