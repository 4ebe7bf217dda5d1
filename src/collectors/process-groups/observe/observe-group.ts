/** Observes process groups. */
import type { BatchObservableResult } from '@opentelemetry/api'
import type { SystemConstants } from '../../../kernel/system-constants.ts'
import { now } from '../../../telemetry/clock.ts'
import type { Instruments } from '../../../telemetry/instruments.ts'
import { toSeconds } from '../../../telemetry/time.ts'
import type { Group, ThreadGroup } from '../account/group.ts'
import type { GROUP_METRICS, THREAD_METRICS, WAIT_METRICS } from '../definitions.ts'

type MeasurementsOf<Table extends { metrics: object }> = Instruments<
  Extract<keyof Table['metrics'], string>
>['measurements']

/** The instruments that a group is observed by. */
export interface GroupMeasurements {
  readonly group: MeasurementsOf<typeof GROUP_METRICS>
  readonly wait: MeasurementsOf<typeof WAIT_METRICS>
  readonly thread: MeasurementsOf<typeof THREAD_METRICS>
}

/** What turns ticks and pages into seconds and bytes. */
export interface Units extends SystemConstants {
  /** Boot time in seconds since the epoch. */
  readonly bootTime: number
  /** Whether values are those of process-exporter, without exits, restarts and uptime. */
  readonly strict: boolean
}

const NANOSECONDS_PER_SECOND = 1e9
/** Start of a group without members in process-exporter, in seconds since the epoch: Go's zero time. */
const YEAR_ONE = -62_135_596_800

/** Observes everything about a group. What no member could be read for has no value. */
export function observeGroup(
  result: BatchObservableResult,
  { group: m, wait, thread }: GroupMeasurements,
  group: Group,
  units: Units,
): void {
  const { entity, shown: total, states } = group
  const isEmpty = group.processes === 0
  m.processes.observe(result, entity, group.processes)
  m.threads.observe(result, entity, group.threadCount)
  m.cpuUser.observe(result, entity, Number(total.utime) / units.ticksPerSecond)
  m.cpuSystem.observe(result, entity, Number(total.stime) / units.ticksPerSecond)
  if (group.knowsIo) {
    m.diskRead.observe(result, entity, Number(total.readBytes))
    m.diskWrite.observe(result, entity, Number(total.writeBytes))
  }
  m.majorFaults.observe(result, entity, Number(total.majflt))
  m.minorFaults.observe(result, entity, Number(total.minflt))
  m.voluntarySwitches.observe(result, entity, Number(total.voluntary))
  m.involuntarySwitches.observe(result, entity, Number(total.nonvoluntary))
  m.memoryResident.observe(result, entity, group.resident)
  m.memoryVirtual.observe(result, entity, group.virtual)
  m.memorySwapped.observe(result, entity, group.swapped)
  if (group.knowsMemory) {
    m.memoryProportional.observe(result, entity, group.proportional)
    m.memoryProportionalSwapped.observe(result, entity, group.proportionalSwapped)
    m.memoryUnique.observe(result, entity, group.unique)
    m.memoryShared.observe(result, entity, group.shared)
  }
  if (group.knowsDescriptors) {
    m.openDescriptors.observe(result, entity, group.openDescriptors)
    m.worstDescriptorRatio.observe(result, entity, group.worstDescriptorRatio)
  }
  if (!isEmpty) {
    const oldest = units.bootTime + Math.floor(group.oldestStart / units.ticksPerSecond)
    m.oldestStart.observe(result, entity, oldest)
  } else if (units.strict) {
    m.oldestStart.observe(result, entity, YEAR_ONE)
  }
  if (group.knowsRunDelay) {
    m.runDelay.observe(result, entity, Number(total.runDelay) / NANOSECONDS_PER_SECOND)
  }
  if (!units.strict) observeLife(result, m, group, units)

  m.running.observe(result, entity, states.running)
  m.sleeping.observe(result, entity, states.sleeping)
  m.waiting.observe(result, entity, states.waiting)
  m.zombie.observe(result, entity, states.zombie)
  m.other.observe(result, entity, states.other)
  for (const { entity: channel, count } of group.waits.values()) {
    wait.waiting.observe(result, channel, count)
  }
  if (isEmpty) return
  for (const threads of group.threads.values()) observeThreads(result, thread, threads, units)
}

function observeLife(
  result: BatchObservableResult,
  m: GroupMeasurements['group'],
  { entity, exits, restarts, forks, execs, knowsStarts, processes, oldestStart }: Group,
  { bootTime, ticksPerSecond }: Units,
): void {
  m.exits.observe(result, entity, exits)
  m.restarts.observe(result, entity, restarts)
  if (knowsStarts) {
    m.forks.observe(result, entity, forks)
    m.execs.observe(result, entity, execs)
  }
  if (processes === 0) return
  const start = bootTime + oldestStart / ticksPerSecond
  m.uptime.observe(result, entity, Math.max(0, toSeconds(now()) - start))
}

function observeThreads(
  result: BatchObservableResult,
  m: GroupMeasurements['thread'],
  { entity, total, count }: ThreadGroup,
  units: Units,
): void {
  m.threads.observe(result, entity, count)
  m.cpuUser.observe(result, entity, Number(total.utime) / units.ticksPerSecond)
  m.cpuSystem.observe(result, entity, Number(total.stime) / units.ticksPerSecond)
  m.diskRead.observe(result, entity, Number(total.readBytes))
  m.diskWrite.observe(result, entity, Number(total.writeBytes))
  m.majorFaults.observe(result, entity, Number(total.majflt))
  m.minorFaults.observe(result, entity, Number(total.minflt))
  m.voluntarySwitches.observe(result, entity, Number(total.voluntary))
  m.involuntarySwitches.observe(result, entity, Number(total.nonvoluntary))
}
