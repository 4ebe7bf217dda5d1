/** The collector of process groups: from procfs to instruments. */
import type { Meter } from '@opentelemetry/api'
import type { Members } from '../../entities/group-members.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import type { SystemConstants } from '../../kernel/system-constants.ts'
import type { Values } from '../../lib/settings/setting.ts'
import { now } from '../../telemetry/clock.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import { collectionTime } from '../../telemetry/meter.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { defineCollector } from '../collector.ts'
import { Accounting } from './account/accounting.ts'
import { ExitedProcesses, type ExitedProcessesParts } from './account/exited-processes.ts'
import { TopGroups } from './account/top-groups.ts'
import { WorkloadOwnership } from './account/workload-ownership.ts'
import { type FactSources, processFacts } from './classify/process-facts.ts'
import type { ReplaceableRules } from './classify/replaceable-rules.ts'
import {
  GROUP_METRICS,
  PROCESS_GROUP_TABLES,
  THREAD_METRICS,
  WAIT_METRICS,
  WORKLOAD_METRICS,
} from './definitions.ts'
import { observeGroup } from './observe/observe-group.ts'
import { registerSelfMetrics } from './observe/self-metrics.ts'
import { PROCESS_GROUP_SETTINGS } from './settings.ts'
import { StrictReader } from './strict/process-snapshot.ts'
import { StrictTracker } from './strict/strict-tracker.ts'
import { ProcessReader, type ProcessReaderOptions } from './track/process-reader.ts'
import { ProcessTracker } from './track/process-tracker.ts'
import { ReadErrors } from './track/read-errors.ts'
import type { TaskSource } from './track/task-source.ts'
import type { GroupTracker, TrackerOptions, TrackerSources } from './track/tracker.ts'

type GroupSettings = Values<typeof PROCESS_GROUP_SETTINGS>['process_groups']

/** Settings of the collector of process groups. */
export type ProcessGroupsOptions = TrackerOptions &
  Pick<GroupSettings, 'threads' | 'smaps' | 'refresh' | 'smaps_interval'> & {
    readonly rules: ReplaceableRules
    /** Whether a group is divided among the containers and pods of its processes. */
    readonly by_workload: boolean
    /** Whether the numbers are those of process-exporter also where it is wrong. */
    readonly strict: boolean
  }

/** What the collector of process groups reads from. */
export interface ProcessGroupsSources {
  readonly procfs: Procfs
  readonly system: SystemConstants
  /** The name of a user id. */
  readonly username: (uid: number) => string
  readonly slice: TimeSlice
  readonly workloads: Workloads
  /** Where other collectors find the processes of the groups. */
  readonly members: Members
  /** Where tasks are read, given the source that reads procfs, and what is to be read. */
  readonly taskSource: (procfs: TaskSource, options: ProcessReaderOptions) => TaskSource
  /** How ends of processes are counted; undefined where they are not. */
  readonly exits?: Omit<ExitedProcessesParts, 'ticksPerSecond'> | undefined
}

/**
 * Registers the collector's instruments on the meter.
 *
 * @returns what closes the source of tasks.
 * @throws NodeJS.ErrnoException when procfs has no readable `stat`.
 */
export function registerProcessGroups(
  meter: Meter,
  options: ProcessGroupsOptions,
  { procfs, system, username, slice, workloads, members, taskSource, exits }: ProcessGroupsSources,
): () => void {
  const units = {
    ...system,
    bootTime: procfs.bootTime(),
    strict: options.strict,
  }
  const errors = new ReadErrors()
  const ownership = new WorkloadOwnership(procfs, workloads, errors, options.by_workload)
  const facts: FactSources = { procfs, ...units, username, ...(!options.strict && { ownership }) }
  const read = { ...options, ...system }
  const tasks = taskSource(new ProcessReader(procfs, read, errors), read)
  const exited = exits && new ExitedProcesses({ ...exits, ...system })
  const tracker = createTracker(read, ownership, tasks, exited, {
    procfs,
    errors,
    slice,
    rules: options.rules,
    classify: (process, argv) => options.rules.match(processFacts(facts, process, argv)),
    startTime: (ticks) => units.bootTime + ticks / units.ticksPerSecond,
  })
  members.offer(tracker)
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
        await tracker.collect(collectionTime(result))
      } catch (error) {
        errors.collections++
        throw error
      }
      for (const group of top.select(tracker.groups)) {
        if (slice.isOver()) await slice.next()
        observeGroup(result, measurements, group, units)
      }
      for (const { entity, processes, threads } of ownership.counter.values()) {
        workload.measurements.processes.observe(result, entity, processes)
        workload.measurements.threads.observe(result, entity, threads)
      }
    },
    [groups, waits, threads, workload].flatMap(({ observables }) => observables),
  )
  registerSelfMetrics(meter, { tracker, tasks, exited, errors, rules: options.rules }, now())
  return () => {
    tasks.close()
    exited?.close()
  }
}

function createTracker(
  options: ProcessGroupsOptions & SystemConstants,
  ownership: WorkloadOwnership,
  tasks: TaskSource,
  exited: ExitedProcesses | undefined,
  sources: TrackerSources,
): GroupTracker {
  const { procfs, errors, slice } = sources
  if (options.strict) {
    const reader = new StrictReader(procfs, options, errors, slice)
    return new StrictTracker(sources, reader, options, now())
  }
  const accounting = new Accounting(errors, options, slice)
  return new ProcessTracker({ ...sources, tasks, accounting, ownership, exited }, options, now())
}

/** The part of the configuration that the collector of process groups looks at. */
export interface ProcessGroupsConfig extends Values<typeof PROCESS_GROUP_SETTINGS> {
  readonly process_names: readonly unknown[] | undefined
}

/** The collector of process groups. */
export const PROCESS_GROUPS = defineCollector({
  name: 'process_groups',
  settings: PROCESS_GROUP_SETTINGS,
  tables: () => PROCESS_GROUP_TABLES,
  isEnabled: ({ process_groups }) => process_groups.enabled,
  register(
    meter: Meter,
    { process_names, process_groups, compat }: ProcessGroupsConfig,
    { rules, ...sources }: ProcessGroupsSources & { readonly rules: ReplaceableRules },
  ) {
    const { by_workload, procnames, namemapping } = process_groups
    const hasOwnRules = process_names !== undefined || procnames !== '' || namemapping !== ''
    const options = {
      ...process_groups,
      rules,
      strict: compat.process_exporter === 'strict',
      by_workload: by_workload === 'auto' ? !hasOwnRules : by_workload,
    }
    return registerProcessGroups(meter, options, sources)
  },
})
