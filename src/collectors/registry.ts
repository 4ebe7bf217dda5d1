/**
 * All collectors, in the order of their turns. A new one is a folder beside this file and an entry here.
 */
import type { Meter } from '@opentelemetry/api'
import type { MetricTable } from '../telemetry/definitions.ts'
import { type AgentSources, registerAgent } from './agent/collector.ts'
import { AGENT_TABLES } from './agent/definitions.ts'
import { type CgroupsOptions, type CgroupsSources, registerCgroups } from './cgroups/collector.ts'
import { CGROUP_TABLES } from './cgroups/definitions.ts'
import {
  type KubevirtOptions,
  type KubevirtSources,
  registerKubevirt,
} from './kubevirt/collector.ts'
import { kubevirtTables } from './kubevirt/definitions.ts'
import { type PeaksOptions, type PeaksSources, registerPeaks } from './peaks/collector.ts'
import { PEAK_TABLES } from './peaks/definitions.ts'
import { type PerfOptions, type PerfSources, registerPerf } from './perf/collector.ts'
import { ALL_PERF_TABLES } from './perf/definitions.ts'
import {
  type ProcessGroupsOptions,
  type ProcessGroupsSources,
  registerProcessGroups,
} from './process-groups/collector.ts'
import { PROCESS_GROUP_TABLES } from './process-groups/definitions.ts'

/** What collectors are told, by collector. */
export interface CollectorSettings {
  readonly cgroups: CgroupsOptions & { readonly enabled: boolean }
  readonly kubevirt: KubevirtOptions & { readonly enabled: boolean }
  readonly peaks: PeaksOptions
  readonly perf: PerfOptions & { readonly enabled: boolean }
  readonly process_groups: ProcessGroupsOptions & { readonly enabled: boolean }
}

/** What collectors read from. */
export type CollectorSources = ProcessGroupsSources &
  CgroupsSources &
  PerfSources &
  KubevirtSources &
  PeaksSources &
  AgentSources

export interface Collector {
  /** Also the name of its instrumentation scope. */
  readonly name: string
  /** Without settings those of the metrics reference. */
  readonly tables: (settings?: CollectorSettings) => readonly MetricTable[]
  readonly isEnabled: (settings: CollectorSettings) => boolean
  /** Whether it takes part in samples, which are taken several times a second; by default it doesn't. */
  readonly isSampled?: (settings: CollectorSettings) => boolean
  /** Creates the collector's instruments on a meter of its own. */
  readonly register: (meter: Meter, settings: CollectorSettings, sources: CollectorSources) => void
}

export const COLLECTORS: readonly Collector[] = [
  {
    name: 'process_groups',
    tables: () => PROCESS_GROUP_TABLES,
    isEnabled: ({ process_groups }) => process_groups.enabled,
    register: (meter, { process_groups }, sources) =>
      registerProcessGroups(meter, process_groups, sources),
  },
  {
    name: 'cgroups',
    tables: () => CGROUP_TABLES,
    isEnabled: ({ cgroups }) => cgroups.enabled,
    isSampled: () => true,
    register: (meter, { cgroups }, sources) => registerCgroups(meter, cgroups, sources),
  },
  {
    name: 'perf',
    tables: () => ALL_PERF_TABLES,
    isEnabled: ({ perf }) => perf.enabled,
    register: (meter, { perf }, sources) => registerPerf(meter, perf, sources),
  },
  {
    name: 'kubevirt',
    tables: (settings) => kubevirtTables(settings?.kubevirt ?? { host: 'NODE', strict: false }),
    isEnabled: ({ kubevirt }) => kubevirt.enabled,
    register: (meter, { kubevirt }, sources) => registerKubevirt(meter, kubevirt, sources),
  },
  {
    name: 'peaks',
    tables: () => PEAK_TABLES,
    isEnabled: ({ peaks }) => peaks.enabled,
    register: (meter, _settings, sources) => registerPeaks(meter, sources),
  },
  {
    name: 'agent',
    tables: () => AGENT_TABLES,
    isEnabled: () => true,
    register: (meter, _settings, sources) => registerAgent(meter, sources),
  },
]
