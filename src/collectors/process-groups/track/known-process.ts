/** Processes that are tracked, from their first reading to their exit. */
import type { Group } from '../account/group.ts'
import type { ChildUsage } from '../account/reaped-children.ts'
import type { Account } from '../account/usage.ts'
import type { WorkloadCounts } from '../account/workload-counts.ts'
import type { ExpensiveStats } from './expensive-stats.ts'
import type { IdleTaskCache } from './idle-task-cache.ts'

/** What is known of a process when it is classified. */
export interface ClassifiedProcess {
  readonly pid: number
  readonly ppid: number
  /** Clock ticks after boot. */
  readonly start: number
  readonly comm: string
  readonly directory: string
  /** The counts of its owner; undefined while the owner is unknown. */
  workloadCounts: WorkloadCounts | undefined
  /** Version of the names at which rules needed a name that was not known; undefined where they needed none. */
  pendingNames: number | undefined
}

/** A tracked process. Its identity is (pid, start), since PIDs are reused. */
export interface KnownProcess extends ClassifiedProcess {
  comm: string
  /** Address of its stack's start, which changes when it executes another program. */
  stack: number
  /** Hash of the beginning of its command line; undefined where that isn't watched. */
  title: number | undefined
  /** Version of the rules that classified it; undefined until it is classified. */
  rulesVersion: number | undefined
  /** The group that it belongs to; undefined for none. */
  group: Group | undefined
  /** The last collection that listed it. */
  pass: number
  /** The pass of the source in which it was counted last; 0 for none. */
  countedIn: number
  /** Its usage that has been credited to its group; undefined until it is read as a member. */
  account: Account | undefined
  /** Values that are not read at every collection; undefined for a process in no group. */
  expensive: ExpensiveStats | undefined
  /** Whether its usage is credited from the report of its exit, not from what is read. */
  isReported: boolean
  readonly idleCache: IdleTaskCache
  readonly childUsage: ChildUsage
  /** Its threads by id, once it has had more than one. */
  threads: Map<number, KnownThread> | undefined
}

/** A thread of a known process. */
export interface KnownThread {
  readonly start: number
  /** Its name when it was last read. */
  comm: string
  /** Its state and the kernel function in which it slept then. */
  state: number
  wchan: string
  pass: number
  /** The pass of the source in which it was counted last; 0 for none. */
  countedIn: number
  readonly account: Account
  readonly idleCache: IdleTaskCache
}
