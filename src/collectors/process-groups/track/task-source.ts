/**
 * Where the tracker reads processes and threads: procfs file by file, or the kernel's task iterator in one pass.
 *
 * Both give the same values in the units of procfs, so that one can replace the other between two collections.
 */
import type { Stat } from '../../../kernel/procfs/stat.ts'
import type { Holdings } from '../account/group.ts'
import type { Usage } from '../account/usage.ts'
import type { ExpensiveStats } from './expensive-stats.ts'
import type { IdleTaskCache } from './idle-task-cache.ts'

/** The identity of a task. */
export interface TaskIdentity {
  readonly pid: number
  /** Of the process in procfs. */
  readonly directory: string
}

/** A process, and its cache between two collections. */
export interface RememberedProcess extends TaskIdentity {
  readonly idleCache: IdleTaskCache
}

/** The task that was read last. Everything in it is overwritten by the next reading. */
export interface TaskReader extends Holdings {
  readonly stat: Stat
  /** Name of the task. */
  readonly comm: string
  /** Kernel function that it sleeps in; '' for none. */
  readonly wchan: string
  readonly usage: Usage
  /** Whether proportional memory is to be read. */
  readonly memoryIsDue: boolean
  /** Whether everything else could be read. */
  readonly isWhole: boolean

  /**
   * Waits until the process can be read without blocking; undefined where that is so at once. To be called before `readStat`.
   *
   * @returns rejects with BlockedError when that takes too long.
   */
  readAhead(process: TaskIdentity & Partial<RememberedProcess>): Promise<void> | undefined
  /**
   * Reads `stat`: enough to identify the process, and all that is read of an ignored one.
   *
   * @param comm the name it had last.
   * @throws NodeJS.ErrnoException ENOENT or ESRCH when it has ended.
   */
  readStat(process: TaskIdentity & Partial<RememberedProcess>, comm?: string): void
  /**
   * Whether everything that can be read of a process and its threads is what it was in an earlier collection: they have
   * used nothing since, and hold the same. A source that can't tell says no.
   *
   * @param pass the number of that collection's pass.
   */
  isAsIn(pass: number, process: TaskIdentity): boolean
  /** The same of one thread by itself. */
  isThreadAsIn(pass: number, tid: number): boolean
  /**
   * Reads what a process holds of which `isAsIn` holds: less than `readStat` and `readRest` read. Of `stat` only what
   * `Holdings` has is read.
   */
  readHoldings(
    process: RememberedProcess & { readonly comm: string },
    expensive: ExpensiveStats,
  ): void
  /**
   * Reads the rest of the process whose `stat` was read last.
   *
   * @throws NodeJS.ErrnoException when it has exited, or is not visible.
   */
  readRest(process: RememberedProcess, expensive: ExpensiveStats): void
  /**
   * The ids of all threads of a process.
   *
   * @throws NodeJS.ErrnoException when they can't be listed.
   */
  tids(process: TaskIdentity): readonly number[]
  /** Reads a thread; false when it has ended meanwhile. */
  readThread(process: TaskIdentity, tid: number, idleCache: IdleTaskCache, comm?: string): boolean
  /** Whether a process that was read in this collection still exists. */
  isThere(process: TaskIdentity & { readonly start: number }): boolean
}

/** One collection's processes, in the order in which they are listed. */
export interface TaskPass {
  /** Another one for each pass of any source. */
  readonly number: number
  readonly pids: readonly number[]
  readonly reader: TaskReader
}

let passes = 0

/** The number of a new pass. */
export function nextPass(): number {
  return ++passes
}

/** A source of the node's processes and threads. */
export interface TaskSource {
  /** As metrics and logs name it. */
  readonly name: string
  /**
   * Begins a collection.
   *
   * @returns rejects when the processes can't be listed.
   */
  begin(): Promise<TaskPass>
  /** Ends the collection, whether it has succeeded or not. */
  end(): void
  close(): void
}
