/** The task source that reads procfs file by file. A file that can't be read is left out and counted. */

import { isGone } from '../../../kernel/errors.ts'
import { emptyIo } from '../../../kernel/procfs/io.ts'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import { emptySchedstat } from '../../../kernel/procfs/schedstat.ts'
import { emptyProportionalMemory } from '../../../kernel/procfs/smaps.ts'
import { emptyStat, isKernelThread, ZOMBIE } from '../../../kernel/procfs/stat.ts'
import { emptyStatus } from '../../../kernel/procfs/status.ts'
import { sleepsOutsideOfMap } from '../../../kernel/procfs/text.ts'
import type { Values } from '../../../lib/settings/setting.ts'
import { spreadAge } from '../../../lib/spread-age.ts'
import type { PROCESS_GROUP_SETTINGS } from '../settings.ts'
import type { ExpensiveStats } from './expensive-stats.ts'
import { copyDetails, type IdleTaskCache, type TaskDetails } from './idle-task-cache.ts'
import type { ProcessFile, ReadErrors } from './read-errors.ts'
import { ReadTask } from './read-task.ts'
import {
  nextPass,
  type RememberedProcess,
  type TaskIdentity,
  type TaskPass,
  type TaskReader,
  type TaskSource,
} from './task-source.ts'

/** Settings of a task source. */
export type ProcessReaderOptions = Pick<
  Values<typeof PROCESS_GROUP_SETTINGS>['process_groups'],
  'smaps' | 'refresh' | 'smaps_interval'
> & {
  /** Bytes. */
  readonly pageSize: number
}

/** Up to so many resident pages, proportional memory takes no longer to read than any other file. */
const FEW_PAGES = 16_384

/** The process that was read last. Everything in it is overwritten by the next reading. */
export class ProcessReader extends ReadTask implements TaskSource, TaskReader, TaskDetails {
  readonly name = 'procfs'

  readonly #procfs: Procfs
  readonly #options: ProcessReaderOptions
  readonly #errors: ReadErrors
  readonly #status = emptyStatus()
  readonly #other = emptyStat()
  readonly #io = emptyIo()
  readonly #schedstat = emptySchedstat()
  /** Milliseconds; of the process that is being read. */
  #maxAge = 0
  #hasSchedstat = false
  #now = 0

  constructor(procfs: Procfs, options: ProcessReaderOptions, errors: ReadErrors) {
    super()
    this.#procfs = procfs
    this.#options = options
    this.#errors = errors
  }

  async begin(): Promise<TaskPass> {
    return { number: nextPass(), pids: this.#procfs.pids(), reader: this }
  }

  end(): void {}

  /** The procfs is shared, so nothing is closed. */
  close(): void {}

  readAhead({
    directory,
    idleCache,
  }: TaskIdentity & Partial<RememberedProcess>): Promise<void> | undefined {
    if (idleCache?.isKernelThread) {
      // It executes nothing; of one in no group only `stat` is read.
      this.#hasSchedstat = false
      return undefined
    }
    this.#readSchedstat(directory)
    const isElsewhere = this.#hasSchedstat && idleCache?.hasNotRun(this.#schedstat)
    if (isElsewhere || !this.#procfs.isExecuting(directory)) return undefined
    return this.#procfs.whenExecuted(directory)
  }

  /** To know it, the files would have to be read. */
  isAsIn(): boolean {
    return false
  }

  isThreadAsIn(): boolean {
    return false
  }

  readHoldings(process: RememberedProcess, expensive: ExpensiveStats): void {
    this.readStat(process)
    this.readRest(process, expensive)
  }

  /** @throws whatever Procfs.stat throws. */
  readStat({ directory, idleCache }: TaskIdentity & Partial<RememberedProcess>, comm = ''): void {
    this.#readStat(directory, comm)
    idleCache?.rememberRun(
      this.#hasSchedstat ? this.#schedstat : undefined,
      isKernelThread(this.stat),
    )
  }

  /**
   * Reads the other files, or takes their values from the cache.
   *
   * @throws whatever Procfs.status throws: without `status` the process has exited or is not visible.
   */
  readRest({ directory, pid, idleCache }: RememberedProcess, expensive: ExpensiveStats): void {
    this.expensive = expensive
    this.#now = performance.now()
    this.#maxAge = spreadAge(this.#options.refresh, pid)
    if (idleCache.isKernelThread) this.#readSchedstat(directory)
    // `schedstat` of a process is that of its main thread only.
    if (this.stat.threads === 1 && this.#isAsRemembered(idleCache)) {
      this.#recall(idleCache)
      this.hasDescriptors = true
      this.hasMemory = this.#options.smaps
      this.memoryIsDue = false
      return
    }
    this.#readStatus(directory)
    this.hasIo = this.#attempt('io', directory, this.#readIo)
    this.hasDescriptors = this.#attempt('fd', directory, this.#readDescriptors)
    this.wchan = ''
    const hasWchan = this.#attempt('wchan', directory, this.#readWchan)
    this.#checkMemory(directory)
    const hasMemory = this.hasMemory || this.memoryIsDue || !this.#options.smaps
    this.isWhole = this.hasIo && this.hasDescriptors && hasWchan && hasMemory
    if (!this.isWhole) this.#errors.omissions++
    if (this.isWhole && this.stat.threads === 1) this.#remember(idleCache)
    else idleCache.forget()
  }

  tids({ directory }: TaskIdentity): readonly number[] {
    return this.#procfs.tids(directory)
  }

  /**
   * Storage I/O is 0 where it can't be read; the reading of the process has counted that already.
   *
   * @param idleCache of the thread.
   */
  readThread(process: TaskIdentity, tid: number, idleCache: IdleTaskCache, comm = ''): boolean {
    const directory = this.#procfs.taskDirectory(process.directory, tid)
    this.#now = performance.now()
    this.#maxAge = spreadAge(this.#options.refresh, tid)
    try {
      this.#readSchedstat(directory)
      this.#readStat(directory, comm)
      if (this.#isAsRemembered(idleCache)) {
        this.#recall(idleCache)
        return true
      }
      this.#readStatus(directory)
    } catch (error) {
      if (!isGone(error)) this.#errors.count('task', error)
      return false
    }
    this.hasIo = this.#quietly(directory, this.#readIo)
    this.wchan = ''
    const isWhole = this.#quietly(directory, this.#readWchan) && this.hasIo
    if (isWhole) this.#remember(idleCache)
    else idleCache.forget()
    return true
  }

  isThere({ directory, start }: TaskIdentity & { readonly start: number }): boolean {
    if (this.#procfs.isExecuting(directory)) return true
    try {
      this.#procfs.stat(directory, this.#other)
      return this.#other.starttime === start
    } catch (error) {
      return !isGone(error)
    }
  }

  #readStat(directory: string, comm: string): void {
    this.#procfs.stat(directory, this.stat)
    this.comm = this.#procfs.commOr(comm)
  }

  /** Whether the task has not run since its files were last read. */
  #isAsRemembered(idleCache: IdleTaskCache): boolean {
    return (
      this.#hasSchedstat && idleCache.isFresh(this.stat, this.#schedstat, this.#now, this.#maxAge)
    )
  }

  /** Reads how often a task has run. It is read first, so that a change during the reading is noticed next time. */
  #readSchedstat(directory: string): void {
    this.#hasSchedstat = this.#procfs.hasSchedstat
    if (!this.#hasSchedstat) return
    try {
      this.#procfs.schedstat(directory, this.#schedstat)
    } catch {
      // If the task has exited, the next file fails too.
      this.#hasSchedstat = false
    }
  }

  #recall(idleCache: IdleTaskCache): void {
    copyDetails(idleCache, this)
    this.#takeStat()
    this.hasIo = true
  }

  #remember(idleCache: IdleTaskCache): void {
    if (this.#hasSchedstat) idleCache.remember(this, this.stat, this.#schedstat, this.#now)
  }

  #readStatus(directory: string): void {
    const status = this.#status
    this.#procfs.status(directory, status)
    // `stat` leaves out what each CPU has not added up yet: some MiB on machines with many CPUs.
    this.resident = status.resident ?? this.stat.rss * this.#options.pageSize
    this.swap = status.swap
    this.#takeStat()
    this.usage.voluntary = status.voluntary
    this.usage.nonvoluntary = status.nonvoluntary
    this.usage.readBytes = 0
    this.usage.writeBytes = 0
  }

  #takeStat(): void {
    const { usage, stat } = this
    usage.utime = stat.utime
    usage.stime = stat.stime
    usage.minflt = stat.minflt
    usage.majflt = stat.majflt
    this.hasRunDelay = this.#hasSchedstat
    usage.runDelay = this.#hasSchedstat ? this.#schedstat.runDelay : 0
  }

  #attempt(file: ProcessFile, directory: string, read: (directory: string) => void): boolean {
    try {
      read(directory)
      return true
    } catch (error) {
      this.#errors.count(file, error)
      return false
    }
  }

  #quietly(directory: string, read: (directory: string) => void): boolean {
    try {
      read(directory)
      return true
    } catch {
      return false
    }
  }

  // Bound once: a closure for each file of each process would be the largest allocation of a collection.

  readonly #readIo = (directory: string): void => {
    this.#procfs.io(directory, this.#io)
    this.usage.readBytes = this.#io.readBytes
    this.usage.writeBytes = this.#io.writeBytes
  }

  readonly #readDescriptors = (directory: string): void => {
    this.openDescriptors = this.expensive.openDescriptors(
      this.#procfs,
      directory,
      this.#now,
      this.#maxAge,
    )
    this.descriptorRatio = 0
    if (this.openDescriptors === 0) return
    this.expensive.refreshLimit(this.#procfs, directory, this.#now, this.#maxAge)
    this.descriptorRatio = this.openDescriptors / this.expensive.openFilesLimit
  }

  readonly #readWchan = (directory: string): void => {
    this.wchan = this.#procfs.wchan(directory)
  }

  #checkMemory(directory: string): void {
    const { refresh, smaps, smaps_interval } = this.#options
    this.memoryIsDue = false
    this.hasMemory = smaps
    if (!smaps) return
    // Kernel threads and zombies have no memory map; the kernel answers ESRCH, the truth is zero.
    if (isKernelThread(this.stat) || this.stat.state === ZOMBIE) {
      Object.assign(this.expensive, emptyProportionalMemory())
      return
    }
    const shortest = refresh === 0 ? 0 : smaps_interval
    const isDue = this.expensive.isMemoryDue(this.stat, this.#now, this.#maxAge, shortest)
    const isFree = isDue && this.#isMapFree()
    this.memoryIsDue = isDue && !isFree
    this.hasMemory = isFree ? this.#attempt('smaps', directory, this.#readMemory) : !isDue
  }

  /**
   * Whether the memory map is small, and its lock is free: the only thread sleeps in a system call that does not take the lock.
   * Reading such a map on the main thread costs half of a reading in the thread pool.
   */
  #isMapFree(): boolean {
    const { threads, rss } = this.stat
    return threads === 1 && rss <= FEW_PAGES && sleepsOutsideOfMap(this.wchan)
  }

  readonly #readMemory = (directory: string): void => {
    this.expensive.readSmallMemory(this.#procfs, directory)
  }
}
