/** Tasks from procfs, file by file: what can't be read is left out and counted. */

import { isGone } from '../../../kernel/errors.ts'
import { emptyIo } from '../../../kernel/procfs/io.ts'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import { emptySchedstat } from '../../../kernel/procfs/schedstat.ts'
import { emptyProportionalMemory } from '../../../kernel/procfs/smaps.ts'
import { emptyStat, isKernelThread, ZOMBIE } from '../../../kernel/procfs/stat.ts'
import { emptyStatus } from '../../../kernel/procfs/status.ts'
import { sleepsOutsideOfMap } from '../../../kernel/procfs/text.ts'
import type { Values } from '../../../lib/settings/setting.ts'
import { noUsage } from '../account/usage.ts'
import type { PROCESS_GROUP_SETTINGS } from '../settings.ts'
import { ExpensiveStats, spreadAge } from './expensive-stats.ts'
import { copyDetails, type IdleTaskCache, type TaskDetails } from './idle-task-cache.ts'
import type { ProcessFile, ReadErrors } from './read-errors.ts'
import type {
  RememberedProcess,
  TaskIdentity,
  TaskPass,
  TaskReader,
  TaskSource,
} from './task-source.ts'

/** Settings of a task source. */
export type ProcessReaderOptions = Pick<
  Values<typeof PROCESS_GROUP_SETTINGS>['process_groups'],
  'smaps' | 'refresh' | 'smaps_interval'
> & {
  /** Bytes. */
  readonly pageSize: number
}

/** Proportional memory of so many resident pages takes no longer than any other file. */
const FEW_PAGES = 16_384

/** The process that was read last. Everything in it is overwritten by the next reading. */
export class ProcessReader implements TaskSource, TaskReader, TaskDetails {
  readonly name = 'procfs'
  readonly stat = emptyStat()
  /** Proportional memory and the limit of open files. */
  expensive = new ExpensiveStats()
  readonly usage = noUsage()
  /** Bytes. */
  resident = 0
  swap = 0
  openDescriptors = 0
  /** Open descriptors as a part of the soft limit. */
  descriptorRatio = 0
  /** Name of the task, also of a thread. */
  comm = ''
  wchan = ''
  hasIo = false
  hasDescriptors = false
  /** Whether proportional memory is known already; where it is due, it is to be read. */
  hasMemory = false
  memoryIsDue = false
  /** Whether all other files could be read. */
  isWhole = false

  readonly #procfs: Procfs
  readonly #options: ProcessReaderOptions
  readonly #errors: ReadErrors
  readonly #status = emptyStatus()
  readonly #other = emptyStat()
  readonly #io = emptyIo()
  readonly #schedstat = emptySchedstat()
  /** Of the process that is being read. */
  #maxAge = 0
  #hasSign = false
  #now = 0

  constructor(procfs: Procfs, options: ProcessReaderOptions, errors: ReadErrors) {
    this.#procfs = procfs
    this.#options = options
    this.#errors = errors
  }

  async begin(): Promise<TaskPass> {
    return { pids: this.#procfs.pids(), reader: this }
  }

  end(): void {}

  /** Its procfs is others', too. */
  close(): void {}

  readAhead({
    directory,
    idleCache,
  }: TaskIdentity & Partial<RememberedProcess>): Promise<void> | undefined {
    if (idleCache?.isKernelThread) return undefined
    this.#readSign(directory)
    const isElsewhere = this.#hasSign && idleCache?.hasNotRun(this.#schedstat)
    if (isElsewhere || !this.#procfs.isExecuting(directory)) return undefined
    return this.#procfs.whenExecuted(directory)
  }

  /** @throws whatever Procfs.stat throws. */
  readStat({ directory, idleCache }: TaskIdentity & Partial<RememberedProcess>, comm = ''): void {
    this.#readStat(directory, comm)
    idleCache?.rememberRun(this.#hasSign ? this.#schedstat : undefined, isKernelThread(this.stat))
  }

  /**
   * Reads the other files, or recalls what they say.
   *
   * @throws whatever Procfs.status throws: without it the process is gone or not to be seen.
   */
  readRest({ directory, pid, idleCache }: RememberedProcess, expensive: ExpensiveStats): void {
    this.expensive = expensive
    this.#now = performance.now()
    this.#maxAge = spreadAge(this.#options.refresh, pid)
    // With several threads, the sign is the main one's only.
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
    this.#lookAtMemory(directory)
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
   * Its I/O is left at zero where it can't be read, which the process's own reading has counted already.
   *
   * @param look what is remembered of the thread.
   */
  readThread(process: TaskIdentity, tid: number, idleCache: IdleTaskCache, comm = ''): boolean {
    const directory = this.#procfs.taskDirectory(process.directory, tid)
    this.#now = performance.now()
    this.#maxAge = spreadAge(this.#options.refresh, tid)
    try {
      this.#readSign(directory)
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

  /** Whether the task has not run since the look that is remembered. */
  #isAsRemembered(idleCache: IdleTaskCache): boolean {
    return this.#hasSign && idleCache.isFresh(this.stat, this.#schedstat, this.#now, this.#maxAge)
  }

  /** Reads how often a task has run, before anything else: what happens in between shows the next time. */
  #readSign(directory: string): void {
    this.#hasSign = this.#options.refresh > 0 && this.#procfs.hasSchedstat
    if (!this.#hasSign) return
    try {
      this.#procfs.schedstat(directory, this.#schedstat)
    } catch {
      // Where the task has gone the next file says so.
      this.#hasSign = false
    }
  }

  #recall(idleCache: IdleTaskCache): void {
    copyDetails(idleCache, this)
    this.#takeStat()
    this.hasIo = true
  }

  #remember(idleCache: IdleTaskCache): void {
    if (this.#hasSign) idleCache.remember(this, this.stat, this.#schedstat, this.#now)
  }

  #readStatus(directory: string): void {
    const status = this.#status
    this.#procfs.status(directory, status)
    // `stat` tells what each CPU has added up, and leaves out what it has not yet: some MiB where CPUs are many.
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

  #lookAtMemory(directory: string): void {
    const { refresh, smaps, smaps_interval } = this.#options
    this.memoryIsDue = false
    this.hasMemory = smaps
    if (!smaps) return
    // Kernel threads and zombies have no memory map; the kernel answers ESRCH, the truth is zero.
    if (isKernelThread(this.stat) || this.stat.state === ZOMBIE) {
      Object.assign(this.expensive, emptyProportionalMemory())
      return
    }
    const ages = { longest: this.#maxAge, shortest: refresh === 0 ? 0 : smaps_interval }
    const isDue = this.expensive.isMemoryDue(this.stat, this.#now, ages)
    const isFree = isDue && this.#isMapFree()
    this.memoryIsDue = isDue && !isFree
    this.hasMemory = isFree ? this.#attempt('smaps', directory, this.#readMemory) : !isDue
  }

  /**
   * Whether nobody holds the lock of the memory map for long, and the map is small: its only thread sleeps elsewhere. To read
   * such a one here costs half of what it costs in the thread pool.
   */
  #isMapFree(): boolean {
    const { threads, rss } = this.stat
    return threads === 1 && rss <= FEW_PAGES && sleepsOutsideOfMap(this.wchan)
  }

  readonly #readMemory = (directory: string): void => {
    this.expensive.readSmallMemory(this.#procfs, directory)
  }
}
