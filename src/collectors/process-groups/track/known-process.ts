/** Processes that the collector knows, from their first sight to their end. */
import type { Group } from '../account/group.ts'
import type { ChildUsage } from '../account/reaped-children.ts'
import type { Account } from '../account/usage.ts'
import type { WorkloadCounts } from '../account/workload-counts.ts'
import type { ExpensiveStats } from './expensive-stats.ts'
import type { IdleTaskCache } from './idle-task-cache.ts'

/** What is known of a process when rules judge it. */
export interface ClassifiedProcess {
  readonly pid: number
  readonly ppid: number
  /** Clock ticks after boot. */
  readonly start: number
  readonly comm: string
  readonly directory: string
  /** Where it is counted; undefined where nobody knows whose it is. */
  workloadCounts: WorkloadCounts | undefined
  /** The names that were known when rules asked for more of them; undefined where they didn't. */
  pendingNames: number | undefined
}

/** A process: its identity is (pid, start), for PIDs are used again. */
export interface KnownProcess extends ClassifiedProcess {
  comm: string
  /** Where its stack starts: it moves when another program is executed. */
  stack: number
  /** A hash of the start of its command line; undefined where that isn't watched. */
  title: number | undefined
  /** The version of the rules that judged it; undefined until it is judged. */
  rulesVersion: number | undefined
  /** The group it belongs to; undefined for one that belongs to none. */
  group: Group | undefined
  /** The last collection that listed it. */
  pass: number
  /** What its group was credited with; undefined until it was read for the first time. */
  account: Account | undefined
  /** Figures of it that are not read every time; undefined for one that belongs to no group. */
  expensive: ExpensiveStats | undefined
  readonly idleCache: IdleTaskCache
  readonly childUsage: ChildUsage
  /** Its threads, by id, once it was seen with more than one. */
  threads: Map<number, KnownThread> | undefined
}

/** A thread of a known process. */
export interface KnownThread {
  readonly start: number
  /** Its name when it was read last. */
  comm: string
  pass: number
  readonly account: Account
  readonly idleCache: IdleTaskCache
}
