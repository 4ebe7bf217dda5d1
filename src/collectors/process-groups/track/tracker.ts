/** What trackers of process groups have in common. */
import type { HrTime } from '@opentelemetry/api'
import type { MemberSource } from '../../../entities/group-members.ts'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import type { Values } from '../../../lib/settings/setting.ts'
import { now } from '../../../telemetry/clock.ts'
import { toSeconds } from '../../../telemetry/time.ts'
import type { TimeSlice } from '../../../telemetry/time-slice.ts'
import type { Group } from '../account/group.ts'
import type { Assignment, Match } from '../classify/assignment.ts'
import type { PROCESS_GROUP_SETTINGS } from '../settings.ts'
import type { ClassifiedProcess } from './known-process.ts'
import type { ReadErrors } from './read-errors.ts'

/** Settings of a tracker. */
export type TrackerOptions = Pick<
  Values<typeof PROCESS_GROUP_SETTINGS>['process_groups'],
  'children' | 'remove_empty' | 'recheck' | 'recheck_time_limit' | 'regroup' | 'short_lived'
>

/** What every tracker needs. */
export interface TrackerSources {
  readonly procfs: Procfs
  readonly errors: ReadErrors
  readonly slice: TimeSlice
  /** Which rules are in force. */
  readonly rules: { readonly version: number; readonly constants: readonly Assignment[] }
  /**
   * Matches a process against the rules.
   *
   * @throws NodeJS.ErrnoException when what the rules need can't be read.
   */
  readonly classify: (process: ClassifiedProcess, argv: readonly string[]) => Match
  /** Start of a process in seconds since the epoch, from clock ticks after boot. */
  readonly startTime: (ticks: number) => number
}

/** Numbers of the processes that the last collection listed, by what became of them. */
export interface Outcome {
  grouped: number
  ignored: number
  vanished: number
  failed: number
}

/** Keeps the process groups from one collection to the next. */
export interface GroupTracker extends MemberSource {
  /** By the keys of their assignments. A group without members may be removed. */
  readonly groups: Map<string, Group>
  readonly outcome: Outcome
  /**
   * Reads every process once.
   *
   * @param time when the collection began.
   * @throws NodeJS.ErrnoException when procfs can't be listed; then nothing changes.
   */
  collect(time: HrTime): Promise<void>
}

/** Whether a process that no rule matched is classified again. `startSeconds` is its start in seconds since the epoch. */
export function isReclassified(
  { recheck, recheck_time_limit: limit }: TrackerOptions,
  startSeconds: number,
): boolean {
  return limit === 0 ? recheck : (toSeconds(now()) - startSeconds) * 1000 < limit
}

/** Removes groups without members if that is configured, and ends the pass of the others. */
export function endPass(groups: Map<string, Group>, { remove_empty }: TrackerOptions): void {
  for (const [name, group] of groups) {
    if (group.processes === 0 && remove_empty) groups.delete(name)
    else group.endPass()
  }
}
