/**
 * The values of a task that were read last, and whether they are still valid.
 *
 * A task that has not run on a CPU since then has not opened a file, switched, read or written. Its `stat` is read every
 * time all the same: the kernel may reclaim a sleeping task's memory, and a task that has become runnable has another
 * state.
 */
import { emptySchedstat, type Schedstat } from '../../../kernel/procfs/schedstat.ts'
import type { Stat } from '../../../kernel/procfs/stat.ts'
import type { U64 } from '../../../kernel/u64.ts'
import type { Usage } from '../account/usage.ts'

/** Values from the files of a task other than `stat`. */
export interface TaskDetails {
  /** Bytes. */
  resident: number
  swap: number
  openDescriptors: number
  descriptorRatio: number
  wchan: string
  readonly usage: Pick<Usage, 'voluntary' | 'nonvoluntary' | 'readBytes' | 'writeBytes'>
}

const RUNNING = 0x52

/** What was read of a task last, and what shows that the task has not run since. */
export class IdleTaskCache implements TaskDetails {
  resident = 0
  swap = 0
  openDescriptors = 0
  descriptorRatio = 0
  wchan = ''
  readonly usage: TaskDetails['usage'] = {
    voluntary: 0,
    nonvoluntary: 0,
    readBytes: 0,
    writeBytes: 0,
  }
  /** Kernel threads execute no program. */
  isKernelThread = false
  /** When the values were read, in milliseconds by performance.now(). */
  #at = Number.NEGATIVE_INFINITY
  readonly #schedstat = emptySchedstat()
  #start = 0
  #state = 0
  #pages = 0
  /** How often the task had run when its `stat` was last read; 0 where that isn't known. */
  #runs: U64 = 0
  #runtime: U64 = 0

  /** Stores what `schedstat` showed just before `stat` was read; undefined where there is no `schedstat`. */
  rememberRun(schedstat: Schedstat | undefined, isKernelThread: boolean): void {
    this.#runs = schedstat?.runs ?? 0
    this.#runtime = schedstat?.runtime ?? 0
    this.isKernelThread = isKernelThread
  }

  /** Whether the task has not run since its `stat` was read. */
  hasNotRun({ runs, runtime }: Schedstat): boolean {
    return runs !== 0 && this.#runs === runs && this.#runtime === runtime
  }

  /** Whether the values are still valid: the task has not run, and they are younger than `maxAge` milliseconds. */
  isFresh(stat: Stat, { runtime, runs }: Schedstat, now: number, maxAge: number): boolean {
    return (
      now - this.#at < maxAge &&
      runs !== 0 &&
      stat.starttime === this.#start &&
      runs === this.#schedstat.runs &&
      runtime === this.#schedstat.runtime &&
      stat.state !== RUNNING &&
      stat.state === this.#state &&
      stat.rss === this.#pages
    )
  }

  /**
   * Stores the values of a task.
   *
   * @param schedstat read before all other files, so that a change during the reading is noticed next time.
   */
  remember(details: TaskDetails, stat: Stat, { runtime, runs }: Schedstat, now: number): void {
    copyDetails(details, this)
    this.#at = now
    this.#schedstat.runtime = runtime
    this.#schedstat.runs = runs
    this.#start = stat.starttime
    this.#state = stat.state
    this.#pages = stat.rss
  }

  forget(): void {
    this.#at = Number.NEGATIVE_INFINITY
  }
}

/** Copies every field. */
export function copyDetails(from: TaskDetails, to: TaskDetails): void {
  to.resident = from.resident
  to.swap = from.swap
  to.openDescriptors = from.openDescriptors
  to.descriptorRatio = from.descriptorRatio
  to.wchan = from.wchan
  to.usage.voluntary = from.usage.voluntary
  to.usage.nonvoluntary = from.usage.nonvoluntary
  to.usage.readBytes = from.usage.readBytes
  to.usage.writeBytes = from.usage.writeBytes
}
