/**
 * Reads a process the way process-exporter does: a file that can't be read counts as zero, and a process without
 * readable `status` or `limits` is left out.
 */
import { emptyIo } from '../../../kernel/procfs/io.ts'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import { emptyProportionalMemory } from '../../../kernel/procfs/smaps.ts'
import { emptyStat, type Stat } from '../../../kernel/procfs/stat.ts'
import { emptyStatus, type Status } from '../../../kernel/procfs/status.ts'
import type { TimeSlice } from '../../../telemetry/time-slice.ts'
import type { Holdings } from '../account/group.ts'
import { noUsage, type Usage } from '../account/usage.ts'
import type { ProcessFile, ReadErrors } from '../track/read-errors.ts'
import { addWrapping } from './wrapping.ts'

/** A thread at the time of a reading. */
export interface ThreadSnapshot {
  readonly tid: number
  readonly comm: string
  readonly start: number
  readonly state: number
  readonly wchan: string
  readonly usage: Usage
}

/** A process at the time of a reading. */
export interface ProcessSnapshot extends Holdings {
  readonly usage: Usage
  readonly wchan: string
  /** None unless there are two or more. */
  readonly threads: readonly ThreadSnapshot[]
  /** Whether anything of it could not be read. */
  readonly isPartial: boolean
}

/** Reads a process with all its threads at once, as process-exporter does. */
export class StrictReader {
  readonly #procfs: Procfs
  readonly #hasMemory: boolean
  readonly #pageSize: number
  readonly #errors: ReadErrors
  readonly #slice: TimeSlice
  #isPartial = false

  /**
   * @param smaps whether proportional memory is read.
   * @param pageSize bytes.
   */
  constructor(
    procfs: Procfs,
    { smaps, pageSize }: { readonly smaps: boolean; readonly pageSize: number },
    errors: ReadErrors,
    slice: TimeSlice,
  ) {
    this.#pageSize = pageSize
    this.#procfs = procfs
    this.#hasMemory = smaps
    this.#errors = errors
    this.#slice = slice
  }

  /**
   * @param stat what was read of the process just now.
   * @throws whatever Procfs.status and Procfs.openFilesLimit throw.
   */
  async read(directory: string, stat: Stat): Promise<ProcessSnapshot> {
    const procfs = this.#procfs
    const status = emptyStatus()
    const expensive = emptyProportionalMemory()
    this.#isPartial = false
    procfs.status(directory, status)
    const usage = this.#usage(directory, stat, status)
    const openDescriptors = this.#attempt('fd', 0, () => procfs.openDescriptors(directory))
    const limit = procfs.openFilesLimit(directory)
    const wchan = this.#attempt('wchan', '', () => procfs.wchan(directory))
    if (this.#hasMemory) {
      await this.#attemptLong('smaps', procfs.proportionalMemory(directory, expensive))
    }
    const threads = await this.#threads(directory)
    if (threads.length > 0) sumSwitches(usage, threads)
    return {
      stat,
      expensive,
      resident: stat.rss * this.#pageSize,
      swap: status.swap,
      usage,
      openDescriptors,
      descriptorRatio: openDescriptors === 0 ? 0 : openDescriptors / limit,
      hasIo: true,
      hasRunDelay: false,
      hasDescriptors: true,
      hasMemory: this.#hasMemory,
      wchan,
      threads,
      isPartial: this.#isPartial,
    }
  }

  /** The threads that could be read; none if that is only one. */
  async #threads(directory: string): Promise<ThreadSnapshot[]> {
    const tids = this.#attempt('task', [], () => this.#procfs.tids(directory))
    const wasPartial = this.#isPartial
    const threads: ThreadSnapshot[] = []
    for (const tid of tids) {
      if (this.#slice.isOver()) await this.#slice.next()
      const thread = this.#thread(this.#procfs.taskDirectory(directory, tid), tid)
      if (thread !== undefined) threads.push(thread)
    }
    // What a thread lacks, its process lacks too or the thread has ended.
    this.#isPartial = wasPartial
    return threads.length > 1 ? threads : []
  }

  #thread(directory: string, tid: number): ThreadSnapshot | undefined {
    const stat = emptyStat()
    const status = emptyStatus()
    try {
      this.#procfs.stat(directory, stat)
      const comm = this.#procfs.comm()
      this.#procfs.status(directory, status)
      const usage = this.#usage(directory, stat, status)
      const wchan = this.#attempt('wchan', '', () => this.#procfs.wchan(directory))
      return { tid, comm, start: stat.starttime, state: stat.state, wchan, usage }
    } catch {
      return undefined
    }
  }

  #usage(directory: string, stat: Stat, status: Status): Usage {
    const io = emptyIo()
    this.#attempt('io', undefined, () => this.#procfs.io(directory, io))
    return {
      utime: stat.utime,
      stime: stat.stime,
      minflt: stat.minflt,
      majflt: stat.majflt,
      voluntary: status.voluntary,
      nonvoluntary: status.nonvoluntary,
      readBytes: io.readBytes,
      writeBytes: io.writeBytes,
      runDelay: 0,
    }
  }

  #attempt<T>(file: ProcessFile, instead: T, read: () => T): T {
    try {
      return read()
    } catch (error) {
      this.#errors.count(file, error)
      this.#isPartial = true
      return instead
    }
  }

  async #attemptLong(file: ProcessFile, reading: Promise<void>): Promise<void> {
    try {
      await reading
    } catch (error) {
      this.#errors.count(file, error)
      this.#isPartial = true
    }
  }
}

/** The context switches of a process with threads are those of its live threads. */
function sumSwitches(usage: Usage, threads: readonly ThreadSnapshot[]): void {
  const total = noUsage()
  for (const thread of threads) {
    total.voluntary = addWrapping(total.voluntary, thread.usage.voluntary)
    total.nonvoluntary = addWrapping(total.nonvoluntary, thread.usage.nonvoluntary)
  }
  usage.voluntary = total.voluntary
  usage.nonvoluntary = total.nonvoluntary
}
