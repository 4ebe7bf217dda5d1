/**
 * A mounted procfs (proc(5)): every file of a process that the agent reads, by PID or by task.
 *
 * One buffer serves all readings, so what a method gives back is complete when it returns and a
 * record handed in is overwritten. Methods throw NodeJS.ErrnoException for what the kernel refuses
 * (`ENOENT` and `ESRCH`: the process is gone) and KernelFormatError for what they can't read.
 *
 * Some files block as long as another thread likes, as was found by trying on Linux 6.18:
 * - `cmdline`, `smaps_rollup` and `smaps` take the lock of the process's memory map (mmap_lock), which a thread holds while it
 *   waits for a file system that doesn't answer. They are read outside the main thread; their promises reject with
 *   BlockedError, too.
 * - `stat`, `wchan`, `io` and `exe` wait for the end of an execve(2) (exec_update_lock), which in the child of a vfork(2)
 *   waits for its parent's memory map: `isExecuting` is to be asked before.
 * All others take no lock that is held while a thread sleeps.
 */
import { readdirSync, readlinkSync, statfsSync, statSync } from 'node:fs'
import { BlockedError, BlockingFiles, type BlockingFilesOptions } from '../blocking-files.ts'
import { ByteScanner, isDigit } from '../byte-scanner.ts'
import { CachedDescriptorReader } from '../cached-descriptors.ts'
import { exists } from '../exists.ts'
import { type FileContent, FileReader } from '../file-reader.ts'
import { type Io, parseIo } from './io.ts'
import { parseOpenFilesLimit } from './limits.ts'
import { parseSchedstat, type Schedstat } from './schedstat.ts'
import { type ProportionalMemory, parseSmaps } from './smaps.ts'
import { parseStat, type Stat, statComm, statCommIs } from './stat.ts'
import { parseStatm, type Statm } from './statm.ts'
import { mayBeExecuting, parseStatus, type Status } from './status.ts'
import { parseBootTime } from './system-stat.ts'
import {
  hashContent,
  NameCache,
  parseCgroups,
  parseCmdline,
  parseWchan,
  TITLE_BYTES,
} from './text.ts'

const PROC_SUPER_MAGIC = 0x9fa0
/**
 * What execve(2) allows at most on usual settings is 6 MiB; more than this names no program better, and to search
 * 1 MiB for a pattern with groups takes 150 ms, in one piece.
 */
const MAX_CMDLINE_BYTES = 256 * 1024
/** Of `stat` of the system, which grows with the CPUs, and of `cgroup`. */
const MAX_TEXT_BYTES = 1024 * 1024
/** Places that other blocking files leave free for `cmdline`, which classification needs. */
const LEFT_PLACES = 1
/** A process with a hundred thousand mappings has a `smaps` of about this size. */
const MAX_SMAPS_BYTES = 64 * 1024 * 1024

/** How a procfs is read. */
export interface ProcfsOptions extends BlockingFilesOptions {
  /** A process that is to be the only one; undefined for all. */
  readonly only?: number
  /** How many files stay open at most, of tasks whose `stat` and `schedstat` are read again and again. */
  readonly openFiles?: number
}

/** A mounted procfs. */
export class Procfs {
  readonly root: string
  /** Whether the kernel counts how often a task has run (`CONFIG_SCHED_INFO`). */
  readonly hasSchedstat: boolean
  readonly #reader = new FileReader()
  readonly #blocking: BlockingFiles
  /** A reader of its own, because its content may be used again. */
  readonly #status = new FileReader()
  /** Directory of the task whose `status` that is, if it was read since the last list of processes. */
  #statusOf: string | undefined
  /** Readers of their own: the name is taken from the `stat` read last. */
  readonly #stats: CachedDescriptorReader
  readonly #schedstats: CachedDescriptorReader
  readonly #scanner = new ByteScanner()
  readonly #names = new NameCache()
  /** Whether it is a procfs of the kernel, and not recorded files. */
  readonly #isReal: boolean
  readonly #only: number | undefined
  /** Directory of this process; undefined on a tree that is not the kernel's own. */
  readonly #own: string | undefined
  #pids: readonly number[] = []
  /** The `cgroup` that was read last. */
  #cgroup: Buffer = Buffer.alloc(0)
  #cgroupLines: readonly string[] = []
  #listedAt = Number.NEGATIVE_INFINITY

  /** @throws NodeJS.ErrnoException when `root` isn't there or can't be read. */
  constructor(root = '/proc', { only, openFiles = 0, ...options }: ProcfsOptions = {}) {
    this.root = root
    this.#blocking = new BlockingFiles(options)
    this.#only = only
    this.hasSchedstat = exists(`${root}/self/schedstat`)
    this.#isReal = statfsSync(root).type === PROC_SUPER_MAGIC
    this.#own = this.#isReal ? `${root}/${readlinkSync(`${root}/self`)}/` : undefined
    // Open files of other file systems go on showing replaced files.
    const cached = this.#isReal ? openFiles / 2 : 0
    this.#stats = new CachedDescriptorReader(cached)
    this.#schedstats = new CachedDescriptorReader(cached)
  }

  /** The directory of a process, or of one of its tasks; what the other methods take. */
  directory(pid: number): string {
    return `${this.root}/${pid}/`
  }

  taskDirectory(processDirectory: string, tid: number): string {
    return `${processDirectory}task/${tid}/`
  }

  /**
   * The PIDs of all processes, in the order of the directory. A new list also closes the files of tasks that were not
   * read since the list before it: those tasks have ended. No file that was read before a list is used after it.
   *
   * @param after a list that another caller was given after this time is reused (performance.now()).
   */
  pids(after = Number.POSITIVE_INFINITY): readonly number[] {
    this.#statusOf = undefined
    if (this.#only !== undefined) return [this.#only]
    // Every collection lists once, whichever collectors it has.
    if (this.#listedAt <= after) this.setPids(numericEntries(this.root))
    return this.#pids
  }

  /** Takes over a list of all processes that was read elsewhere just now, as if `pids` had made it. */
  setPids(pids: readonly number[]): void {
    this.#listedAt = performance.now()
    this.#stats.closeUnused()
    this.#schedstats.closeUnused()
    this.#pids = pids
  }

  /** How many processes the last list had. */
  get count(): number {
    return this.#pids.length
  }

  /** The ids of all threads of a process. */
  tids(processDirectory: string): number[] {
    return numericEntries(`${processDirectory}task`)
  }

  /** Seconds since boot, as starts of processes are counted. */
  uptime(): number {
    this.#reader.read(`${this.root}/uptime`)
    return Number.parseFloat(this.#reader.bytes.toString('latin1', 0, this.#reader.length))
  }

  /** Boot time, in seconds since the epoch. */
  bootTime(): number {
    this.#reader.readAll(`${this.root}/stat`, MAX_TEXT_BYTES)
    return parseBootTime(this.#reader, this.#scanner)
  }

  stat(directory: string, into: Stat): void {
    this.#stats.read(`${directory}stat`)
    parseStat(this.#stats, this.#scanner, into)
  }

  /** The name in the `stat` read last. */
  comm(): string {
    return statComm(this.#stats)
  }

  /** The name in the `stat` read last: `known` itself when it is still the same. */
  commOr(known: string): string {
    return statCommIs(this.#stats, known) ? known : statComm(this.#stats)
  }

  schedstat(directory: string, into: Schedstat): void {
    this.#schedstats.read(`${directory}schedstat`)
    parseSchedstat(this.#schedstats, this.#scanner, into)
  }

  /** Closes all files; they are opened again when they are read. */
  close(): void {
    this.#stats.close()
    this.#schedstats.close()
  }

  /**
   * Whether the process may be in the middle of an execve(2), by its `status`: it waits in state D, and execve has ended all
   * its other threads. What `status` says is kept for the next reading of it, until processes are listed again.
   */
  isExecuting(directory: string): boolean {
    this.#statusOf = undefined
    try {
      this.#status.read(`${directory}status`)
      this.#statusOf = directory
      return mayBeExecuting(this.#status, this.#scanner)
    } catch {
      // It has exited, or its other files will show the error.
      return false
    }
  }

  /** Resolves when the process is not in the middle of an execve(2); rejects with BlockedError if that takes too long. */
  async whenExecuted(directory: string): Promise<void> {
    const path = `${directory}io`
    try {
      await this.#blocking.read(directory, { path, limit: 1, parse: () => {} })
    } catch (error) {
      if (error instanceof BlockedError) throw error
    }
  }

  status(directory: string, into: Status): void {
    if (this.#statusOf !== directory) this.#status.read(`${directory}status`)
    this.#statusOf = undefined
    parseStatus(this.#status, this.#scanner, into)
  }

  statm(directory: string, into: Statm): void {
    this.#reader.read(`${directory}statm`)
    parseStatm(this.#reader, this.#scanner, into)
  }

  io(directory: string, into: Io): void {
    this.#reader.read(`${directory}io`)
    parseIo(this.#reader, this.#scanner, into)
  }

  /** Number of open file descriptors, by listing them: about 0.5 µs for each. */
  openDescriptors(directory: string): number {
    const { length } = readdirSync(`${directory}fd`)
    // The reader's own directory holds the descriptor that lists it.
    return directory === this.#own ? length - 1 : length
  }

  /**
   * Number of descriptors that are open or reserved, at the same cost for any number. A thread that waits in accept(2)
   * or open(2) holds a reserved one, which is not open yet.
   *
   * @returns undefined before Linux 6.2, which does not show it, and on a tree that is not the kernel's own.
   */
  allocatedDescriptors(directory: string): number | undefined {
    const size = this.#isReal ? statSync(`${directory}fd`).size : 0
    return size > 0 ? size : undefined
  }

  /** Soft limit of open files; 2^64 when unlimited. */
  openFilesLimit(directory: string): number {
    this.#reader.read(`${directory}limits`)
    return parseOpenFilesLimit(this.#reader, this.#scanner)
  }

  /**
   * Proportional memory, from `smaps` where the kernel has no `smaps_rollup`.
   *
   * @param onRead called when `into` is filled, also when that is too late for the promise.
   */
  async proportionalMemory(
    directory: string,
    into: ProportionalMemory,
    onRead: () => void = () => {},
  ): Promise<void> {
    const request = {
      limit: MAX_SMAPS_BYTES,
      leaves: LEFT_PLACES,
      parse: (content: FileContent) => {
        parseSmaps(content, this.#scanner, into)
        onRead()
      },
    }
    const rollup = { ...request, path: `${directory}smaps_rollup`, isOnePiece: true }
    try {
      await this.#blocking.read(directory, rollup)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      await this.#blocking.read(directory, { ...request, path: `${directory}smaps` })
    }
  }

  /** Proportional memory of a process that `sleepsOutsideOfMap`, in its only thread. */
  unlockedMemory(directory: string, into: ProportionalMemory): void {
    try {
      this.#reader.read(`${directory}smaps_rollup`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.#reader.readAll(`${directory}smaps`, MAX_SMAPS_BYTES)
    }
    parseSmaps(this.#reader, this.#scanner, into)
  }

  cmdline(directory: string): Promise<string[]> {
    return this.#readCmdline(directory, MAX_CMDLINE_BYTES, parseCmdline)
  }

  /** A hash of the start of `cmdline`, to notice that a process has rewritten it. */
  titleHash(directory: string): Promise<number> {
    return this.#readCmdline(directory, TITLE_BYTES, hashContent)
  }

  #readCmdline<T>(
    directory: string,
    limit: number,
    parse: (content: FileContent) => T,
  ): Promise<T> {
    const path = `${directory}cmdline`
    // The kernel takes the lock when the file is read. Files of another file system may be anything.
    const opensAtOnce = this.#isReal
    return this.#blocking.read(directory, { path, limit, isOnePiece: true, opensAtOnce, parse })
  }

  /** The lines of `cgroup`: `hierarchy:controllers:path`. The same list as before while the file says the same: of most processes. */
  cgroups(directory: string): readonly string[] {
    const reader = this.#reader
    reader.readAll(`${directory}cgroup`, MAX_TEXT_BYTES)
    const last = this.#cgroup
    if (reader.bytes.compare(last, 0, last.length, 0, reader.length) !== 0) {
      this.#cgroup = Buffer.from(reader.bytes.subarray(0, reader.length))
      this.#cgroupLines = parseCgroups(reader)
    }
    return this.#cgroupLines
  }

  wchan(directory: string): string {
    this.#reader.read(`${directory}wchan`)
    return parseWchan(this.#reader, this.#names)
  }

  /** The path of the program that the process executes (`exe`). */
  executable(directory: string): string {
    return readlinkSync(`${directory}exe`)
  }
}

function numericEntries(directory: string): number[] {
  const numbers: number[] = []
  for (const name of readdirSync(directory)) {
    if (isDigit(name.charCodeAt(0))) {
      const number = Number(name)
      if (Number.isInteger(number)) numbers.push(number)
    }
  }
  return numbers
}
