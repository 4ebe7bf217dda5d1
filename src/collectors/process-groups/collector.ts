/** The collector of process groups: from procfs to instruments. */
import type { Meter } from '@opentelemetry/api'
import type { Machine } from '../../kernel/machine.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import { now } from '../../telemetry/clock.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import { collectionTime } from '../../telemetry/meter.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { Accounting } from './accounting.ts'
import { Census } from './census.ts'
import { GROUP_METRICS, THREAD_METRICS, WAIT_METRICS, WORKLOAD_METRICS } from './definitions.ts'
import { type FactSources, processFacts } from './facts.ts'
import type { CensusSources, GroupCensus } from './group-census.ts'
import type { Members } from './members.ts'
import { observeGroup } from './observe.ts'
import { Placement } from './placement.ts'
import { ProcessReader } from './process-reader.ts'
import { registerReading } from './reading.ts'
import { ReadingErrors } from './reading-errors.ts'
import type { ReplaceableRules } from './rules/replaceable-rules.ts'
import { StrictReader } from './strict/reading.ts'
import { StrictCensus } from './strict/strict-census.ts'
import { TopGroups } from './top-groups.ts'

export interface ProcessGroupsOptions {
  readonly rules: ReplaceableRules
  /** Whether a group is divided among the containers and pods of its processes. */
  readonly by_workload: boolean
  /** Whether processes that no rule matches join their nearest ancestor's group. */
  readonly children: boolean
  /** Whether threads are read. */
  readonly threads: boolean
  /** Whether proportional memory is read. */
  readonly smaps: boolean
  /** Longest age in milliseconds of figures that are not read every time. */
  readonly refresh: number
  /** Shortest age in milliseconds at which proportional memory is read again. */
  readonly smaps_interval: number
  /** Whether processes in no group are judged again at every collection, and up to which age (ms). */
  readonly recheck: boolean
  readonly recheck_time_limit: number
  /** When a process is judged again. */
  readonly regroup: 'exec' | 'title' | 'off'
  /** Whether the numbers are those of process-exporter also where it is wrong. */
  readonly strict: boolean
  /** Whether what processes used that lived between two collections counts in their parents' groups. */
  readonly short_lived: boolean
  /** Whether groups without members are forgotten. */
  readonly remove_empty: boolean
}

export interface ProcessGroupsSources {
  readonly procfs: Procfs
  readonly machine: Machine
  /** The name of a user id. */
  readonly username: (uid: number) => string
  readonly slice: TimeSlice
  readonly workloads: Workloads
  /** Where other collectors find the processes of the groups. */
  readonly members: Members
}

/**
 * Registers the collector's instruments on the meter.
 *
 * @throws NodeJS.ErrnoException when procfs has no readable `stat`.
 */
export function registerProcessGroups(
  meter: Meter,
  options: ProcessGroupsOptions,
  { procfs, machine, username, slice, workloads, members }: ProcessGroupsSources,
): void {
  const units = {
    ...machine,
    bootTime: procfs.bootTime(),
    strict: options.strict,
  }
  const errors = new ReadingErrors()
  const placement = new Placement(procfs, workloads, errors, options)
  const facts: FactSources = { procfs, ...units, username, ...(!options.strict && { placement }) }
  const census = createCensus({ ...options, ...machine }, placement, {
    procfs,
    errors,
    slice,
    rules: options.rules,
    judge: (process, argv) => options.rules.match(processFacts(facts, process, argv)),
    startTime: (ticks) => units.bootTime + ticks / units.ticksPerSecond,
  })
  members.offer(() => census.members())
  const top = new TopGroups(now())
  const groups = createInstruments(meter, GROUP_METRICS)
  const waits = createInstruments(meter, WAIT_METRICS)
  const threads = createInstruments(meter, THREAD_METRICS)
  const workload = createInstruments(meter, WORKLOAD_METRICS)
  const measurements = {
    group: groups.measurements,
    wait: waits.measurements,
    thread: threads.measurements,
  }
  meter.addBatchObservableCallback(
    async (result) => {
      try {
        await census.take(collectionTime(result))
      } catch (error) {
        errors.collections++
        throw error
      }
      for (const group of top.select(census.groups)) {
        if (slice.isOver()) await slice.next()
        observeGroup(result, measurements, group, units)
      }
      for (const { entity, processes, threads } of placement.tallies.values()) {
        workload.measurements.processes.observe(result, entity, processes)
        workload.measurements.threads.observe(result, entity, threads)
      }
    },
    [groups, waits, threads, workload].flatMap(({ observables }) => observables),
  )
  registerReading(meter, census, errors, options.rules, now())
}

function createCensus(
  options: ProcessGroupsOptions & Machine,
  placement: Placement,
  sources: CensusSources,
): GroupCensus {
  const { procfs, errors, slice } = sources
  if (options.strict) {
    const reader = new StrictReader(procfs, options, errors, slice)
    return new StrictCensus(sources, reader, options, now())
  }
  const reader = new ProcessReader(procfs, options, errors)
  const accounting = new Accounting(procfs, reader, errors, options, slice)
  return new Census({ ...sources, reader, accounting, placement }, options, now())
}
