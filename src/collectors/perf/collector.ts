/** The collector of perf events. They are counted by cgroup, so that all threads and children of a container count. */
import type { HrTime, Meter } from '@opentelemetry/api'
import type { Members } from '../../entities/group-members.ts'
import { findCgroupMounts } from '../../kernel/cgroupfs/mounts.ts'
import { CgroupTree } from '../../kernel/cgroupfs/tree.ts'
import { onlineCpus } from '../../kernel/cpus.ts'
import { EVENTS, type EventClass } from '../../kernel/perf-events/events.ts'
import { loadPerfOpener } from '../../kernel/perf-events/open.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import { ownOpenFilesLimit } from '../../kernel/rlimit.ts'
import type { SystemConstants } from '../../kernel/system-constants.ts'
import type { Values } from '../../lib/settings/setting.ts'
import { now } from '../../telemetry/clock.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import { collectionTime } from '../../telemetry/meter.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { WORKLOAD_SETTINGS } from '../../workloads/settings.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { defineCollector } from '../collector.ts'
import { CgroupCounters } from './cgroup-counters.ts'
import {
  ALL_PERF_TABLES,
  PERF_EVENTS,
  PERF_SELF_METRICS,
  PERF_TABLES,
  TIMES,
} from './definitions.ts'
import { GroupCounters } from './group-counters.ts'
import { observePerf } from './observe.ts'
import { describeRefusals, type Probed, probeEvents } from './probe.ts'
import { PERF_SETTINGS } from './settings.ts'

type PerfConfig = Values<typeof PERF_SETTINGS> & Values<typeof WORKLOAD_SETTINGS>

/** Settings of the collector of perf events. */
export type PerfOptions = Omit<PerfConfig['perf'], 'enabled'> & PerfConfig['cgroups']

/** What the collector of perf events reads from. */
export interface PerfSources {
  readonly slice: TimeSlice
  readonly workloads: Workloads
  readonly procfs: Procfs
  readonly system: SystemConstants
  readonly members: Members
  /** Logs a message for the operator. */
  readonly notify: (message: string) => void
}

/** The part of the agent's limit of open files that counters may use. */
const SHARE_OF_LIMIT = 0.8

/**
 * Registers the collector's instruments on the meter.
 *
 * @returns closes its counters.
 */
export function registerPerf(
  meter: Meter,
  options: PerfOptions,
  sources: PerfSources,
): () => Promise<void> {
  const { slice } = sources
  const created = now()
  const mounts = findCgroupMounts(options.root)
  const root = mounts.v1.get('perf_event') ?? mounts.v2 ?? options.root
  const tree = new CgroupTree(root, { depth: options.depth, count: options.max })
  const levels = Object.fromEntries(
    options.scopes.map((level) => [level, createInstruments(meter, PERF_TABLES[level])]),
  )
  const groups = createInstruments(meter, PERF_TABLES.group)
  const reading = createInstruments(meter, PERF_SELF_METRICS)
  const support = createInstruments(meter, PERF_EVENTS)
  const collector = new Entity({}, created)
  const labels = [...options.hardware, ...options.software, ...options.cache]
  const times = (Object.keys(TIMES) as (keyof typeof TIMES)[]).filter((label) =>
    labels.includes(label),
  )
  let probed: Probed[] = []
  const starting = start(root, options, sources).then((started) => {
    probed = started?.probed ?? []
    return started
  })
  const entities = new Map<string, Entity>()
  meter.addBatchObservableCallback(
    async (result) => {
      const started = await starting
      if (started === undefined) return
      const { cgroupCounters, groupCounters, budget } = started
      if (options.scopes.length > 0) {
        await cgroupCounters.collect(
          tree,
          slice,
          collectionTime(result),
          ({ selected, entity }, counts) =>
            observePerf(result, levels[selected.level].measurements, entity, counts, times),
        )
      }
      await groupCounters.collect(
        slice,
        budget - cgroupCounters.descriptors,
        collectionTime(result),
        (entity, counts) => observePerf(result, groups.measurements, entity, counts, times),
      )
      const sum = (name: 'descriptors' | 'omitted' | 'errors') =>
        reading.measurements[name].observe(
          result,
          collector,
          cgroupCounters[name] + groupCounters[name],
        )
      sum('descriptors')
      sum('omitted')
      sum('errors')
      for (const { event, code } of probed) {
        const entity = entities.get(event.label) ?? supportEntity(event.label, code, created)
        entities.set(event.label, entity)
        support.measurements.supported.observe(result, entity, code === undefined ? 1 : 0)
      }
    },
    [...Object.values(levels), groups, reading, support].flatMap(({ observables }) => observables),
  )
  return async () => {
    const started = await starting
    started?.cgroupCounters.close()
    started?.groupCounters.close()
  }
}

function supportEntity(label: string, code: string | undefined, created: HrTime): Entity {
  return new Entity(
    { 'perf.event': label, ...(code !== undefined && { 'error.type': code }) },
    created,
  )
}

/** Probes which events can be counted; undefined, with a log line, when none can. */
async function start(root: string, options: PerfOptions, sources: PerfSources) {
  const { workloads, procfs, system, members, notify } = sources
  try {
    const opener = await loadPerfOpener()
    const cpus = onlineCpus()
    const wanted = EVENTS.filter((event) => labelsFor(options, event.class).includes(event.label))
    const probed = probeEvents(
      opener,
      options.scopes.length === 0 ? undefined : root,
      cpus[0],
      wanted,
    )
    for (const line of describeRefusals(probed)) notify(line)
    const events = probed.flatMap(({ event, code }) => (code === undefined ? event : []))
    const limit = ownOpenFilesLimit()
    const budget = options.max_fds === 0 ? Math.floor(limit * SHARE_OF_LIMIT) : options.max_fds
    const parts = { opener, cpus, events }
    return {
      probed,
      budget,
      cgroupCounters: new CgroupCounters({ root, parts, budget, workloads, options, notify }),
      groupCounters: new GroupCounters({
        procfs,
        members,
        parts,
        patterns: options.process_groups,
        ticksPerSecond: system.ticksPerSecond,
      }),
    }
  } catch (error) {
    notify(`no perf events are cgroupCounters: ${(error as Error).message}`)
    return undefined
  }
}

function labelsFor(options: PerfOptions, name: EventClass): readonly string[] {
  return options[name]
}

/** The collector of perf events. */
export const PERF = defineCollector({
  name: 'perf',
  settings: PERF_SETTINGS,
  tables: () => ALL_PERF_TABLES,
  isEnabled: ({ perf }) => perf.enabled,
  register(meter: Meter, { cgroups, perf }: PerfConfig, sources: PerfSources) {
    return registerPerf(meter, { ...cgroups, ...perf }, sources)
  },
})
