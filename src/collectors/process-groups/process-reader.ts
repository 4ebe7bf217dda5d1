/** Reads what the metrics need of one process, file by file: what can't be read is left out and counted. */
import { emptyIo } from '../../kernel/procfs/io.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import { emptyProportionalMemory } from '../../kernel/procfs/smaps.ts'
import { emptyStat, isKernelThread } from '../../kernel/procfs/stat.ts'
import { emptyStatus } from '../../kernel/procfs/status.ts'
import { isGone, type ProcessFile, type ReadingErrors } from './reading-errors.ts'
import { SlowFigures, spreadAge } from './slow-figures.ts'
import { noUsage } from './usage.ts'

export interface ProcessReaderOptions {
  /** Whether proportional memory is read: the costliest file, and more so the larger a process is. */
  readonly smaps: boolean
  /** Longest age in milliseconds of the figures that are not read every time. */
  readonly refresh: number
  /** Bytes. */
  readonly pageSize: number
}

const ZOMBIE = 0x5a

/** The process that was read last. Everything in it is overwritten by the next reading. */
export class ProcessReader {
  readonly stat = emptyStat()
  readonly status = emptyStatus()
  /** Proportional memory and the limit of open files. */
  slow = new SlowFigures()
  readonly usage = noUsage()
  /** Bytes. */
  resident = 0
  openDescriptors = 0
  /** Open descriptors as a part of the soft limit. */
  descriptorRatio = 0
  /** Name of the task, also of a thread. */
  comm = ''
  wchan = ''
  hasIo = false
  hasDescriptors = false
  hasMemory = false

  readonly #procfs: Procfs
  readonly #options: ProcessReaderOptions
  readonly #errors: ReadingErrors
  readonly #io = emptyIo()
  /** Of the process that is being read. */
  #maxAge = 0
  #now = 0

  constructor(procfs: Procfs, options: ProcessReaderOptions, errors: ReadingErrors) {
    this.#procfs = procfs
    this.#options = options
    this.#errors = errors
  }

  /**
   * Reads `stat`: enough to know who the process is, and all that is read of an ignored one.
   *
   * @param comm the name it had last.
   * @throws whatever Procfs.stat throws.
   */
  readStat(directory: string, comm = ''): void {
    this.#procfs.stat(directory, this.stat)
    this.comm = this.#procfs.commOr(comm)
  }

  /**
   * Reads the other files of the process whose `stat` was read just now.
   *
   * @param slow what is remembered of the process.
   * @throws whatever Procfs.status throws: without it the process is gone or not to be seen.
   */
  readRest(directory: string, pid: number, slow: SlowFigures): void {
    this.#procfs.status(directory, this.status)
    this.slow = slow
    this.#now = performance.now()
    this.#maxAge = spreadAge(this.#options.refresh, pid)
    this.#takeUsage()
    // `stat` tells what each CPU has added up, and leaves out what it has not yet: some MiB where CPUs are many.
    this.resident = this.status.resident ?? this.stat.rss * this.#options.pageSize
    this.hasIo = this.#attempt('io', directory, this.#readIo)
    this.hasDescriptors = this.#attempt('fd', directory, this.#readDescriptors)
    this.wchan = ''
    const hasWchan = this.#attempt('wchan', directory, this.#readWchan)
    this.hasMemory = this.#options.smaps && this.#attempt('smaps', directory, this.#readMemory)
    const isWhole =
      this.hasIo && this.hasDescriptors && hasWchan && this.hasMemory === this.#options.smaps
    if (!isWhole) this.#errors.omissions++
  }

  /**
   * Reads a thread; false when it has ended meanwhile. Its I/O is left at zero where it can't be read,
   * which the process's own reading has counted already.
   */
  readThread(directory: string, comm?: string): boolean {
    try {
      this.readStat(directory, comm)
      this.#procfs.status(directory, this.status)
    } catch (error) {
      if (!isGone(error)) this.#errors.count('task', error)
      return false
    }
    this.#takeUsage()
    this.hasIo = this.#quietly(directory, this.#readIo)
    this.wchan = ''
    this.#quietly(directory, this.#readWchan)
    return true
  }

  #takeUsage(): void {
    const { usage, stat, status } = this
    usage.utime = stat.utime
    usage.stime = stat.stime
    usage.minflt = stat.minflt
    usage.majflt = stat.majflt
    usage.voluntary = status.voluntary
    usage.nonvoluntary = status.nonvoluntary
    usage.readBytes = 0
    usage.writeBytes = 0
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
    this.openDescriptors = this.#procfs.openDescriptors(directory)
    this.descriptorRatio = 0
    if (this.openDescriptors === 0) return
    this.slow.refreshLimit(this.#procfs, directory, this.#now, this.#maxAge)
    this.descriptorRatio = this.openDescriptors / this.slow.openFilesLimit
  }

  readonly #readWchan = (directory: string): void => {
    this.wchan = this.#procfs.wchan(directory)
  }

  readonly #readMemory = (directory: string): void => {
    // Kernel threads and zombies have no memory map; the kernel answers ESRCH, the truth is zero.
    if (isKernelThread(this.stat) || this.stat.state === ZOMBIE) {
      Object.assign(this.slow, emptyProportionalMemory())
    } else {
      this.slow.refreshMemory(this.#procfs, directory, this, this.#now, this.#maxAge)
    }
  }
}
