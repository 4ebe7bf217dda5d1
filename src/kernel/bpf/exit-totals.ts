/**
 * What processes had used when they ended, and how often processes fork and execute, counted by the kernel as it happens.
 * Offsets are those of programs/exits.h and exits.bpf.c.
 */
import { closeSync, readFileSync } from 'node:fs'
import { closeProgram, type LoadedProgram, loadSkeleton } from './skeleton.ts'
import { type Bpf, BpfCommand, loadBpf } from './syscall.ts'

/** Of one process or several; times in nanoseconds. */
export interface ExitUsage {
  /** Number of processes that have exited; 0 for later usage of one that was reported before. */
  readonly exits: number
  /** By clock ticks: their proportion is that of user to kernel mode. */
  readonly utime: number
  readonly stime: number
  /** Exact. */
  readonly runtime: number
  readonly minflt: number
  readonly majflt: number
  readonly voluntary: number
  readonly nonvoluntary: number
  /** Only of processes that are not waited for: otherwise the kernel adds them to the bytes of the parent. */
  readonly readBytes: number
  readonly writeBytes: number
}

/** A process: its PID, and its start, which distinguishes it from later processes with that PID. */
export interface ProcessId {
  readonly pid: number
  /** Nanoseconds since boot. */
  readonly start: number
}

/** Processes of one name that were never listed. */
export interface UnseenExits {
  /** The nearest ancestor that was listed before. */
  readonly ancestor: ProcessId
  readonly comm: string
  readonly usage: ExitUsage
}

/** A process that may have been listed: all that it has used in its life. */
export interface ListedExit extends UnseenExits {
  readonly process: ProcessId
}

/** How often a process has forked and executed a program since the last `drain`. */
export interface Starts {
  readonly process: ProcessId
  readonly forks: number
  readonly execs: number
}

/** What was counted since the last `drain`. */
export interface Drained {
  readonly listed: readonly ListedExit[]
  readonly unseen: readonly UnseenExits[]
  readonly starts: readonly Starts[]
}

const SKELETON = new URL('./exits.skel', import.meta.url)
const PROGRAMS = ['on_exit', 'on_free', 'on_fork', 'on_exec']
/** Tables that `drain` empties. */
const TABLES = ['listed', 'unseen', 'starts']
const PROCESS_BYTES = 16
const UNSEEN_BYTES = 32
const TOTALS_BYTES = 80
const STARTS_BYTES = 16
const CONTROL_BYTES = 32
const LOST_AT = 16
const LOST_STARTS_AT = 24
/** Entries that are taken out at once. */
const BATCH_ENTRIES = 1024
const NEVER = 0xffff_ffff_ffff_ffffn
/** What /proc/uptime leaves out. */
const UPTIME_GRAIN_NANOSECONDS = 10_000_000n

/** The BPF program that counts exits, forks and executions. */
export class ExitTotals {
  readonly #bpf: Bpf
  readonly #program: LoadedProgram
  readonly #links: readonly number[]
  /** Nanoseconds since boot. */
  #listingBegan = 0n
  #ancestorBefore = 0n

  private constructor(bpf: Bpf, program: LoadedProgram, links: readonly number[]) {
    this.#bpf = bpf
    this.#program = program
    this.#links = links
  }

  /**
   * Loads and attaches the program: each exit is reported by itself until the first pass has ended.
   *
   * @param entries for how many processes, and kinds of them, there is room between two calls of `drain`.
   * @throws Error without koffi; NodeJS.ErrnoException as loadSkeleton does.
   */
  static async load(entries = 0): Promise<ExitTotals> {
    const bpf = await loadBpf()
    const control = Buffer.alloc(CONTROL_BYTES)
    control.writeBigUInt64LE(NEVER, 0)
    const room = new Map(TABLES.map((name) => [name, entries]))
    const program = loadSkeleton(bpf, SKELETON, new Map([['bss', control]]), room)
    const links: number[] = []
    try {
      for (const name of PROGRAMS) {
        const descriptor = program.programs.get(name) as number
        links.push(bpf.call(BpfCommand.rawTracepointOpen, 16, [[8, 4, descriptor]]).result)
      }
      return new ExitTotals(bpf, program, links)
    } catch (error) {
      for (const link of links) closeSync(link)
      closeProgram(program)
      throw error
    }
  }

  /** Begins a listing of processes: from now on each exit is reported by itself. */
  beginPass(): void {
    this.#listingBegan = boottime()
    this.#control(NEVER)
  }

  /** Ends a listing: all processes that exist now were listed, later ones were not. */
  endPass(): void {
    // What has started since may not be on the list.
    this.#ancestorBefore = this.#listingBegan
    this.#control(boottime() + UPTIME_GRAIN_NANOSECONDS)
  }

  /**
   * Takes out what was counted since the last call.
   *
   * @throws NodeJS.ErrnoException
   */
  drain(): Drained {
    const listed: ListedExit[] = []
    const unseen: UnseenExits[] = []
    const starts: Starts[] = []
    this.#take('listed', PROCESS_BYTES, TOTALS_BYTES + UNSEEN_BYTES, (key, value) => {
      const usage = usageOf(value)
      listed.push({ process: processId(key), usage, ...unseenKey(value.subarray(TOTALS_BYTES)) })
    })
    this.#take('unseen', UNSEEN_BYTES, TOTALS_BYTES, (key, value) => {
      unseen.push({ ...unseenKey(key), usage: usageOf(value) })
    })
    this.#take('starts', PROCESS_BYTES, STARTS_BYTES, (key, value) => {
      starts.push({ process: processId(key), forks: u64(value, 0), execs: u64(value, 8) })
    })
    return { listed, unseen, starts }
  }

  /** Numbers of exits, and of forks and executions, that were lost because the maps were full. */
  lost(): { exits: number; starts: number } {
    const value = Buffer.alloc(CONTROL_BYTES)
    this.#bpf.call(BpfCommand.mapLookup, 32, [
      [0, 4, this.#map('bss')],
      [8, 8, Buffer.alloc(4)],
      [16, 8, value],
    ])
    return { exits: u64(value, LOST_AT), starts: u64(value, LOST_STARTS_AT) }
  }

  close(): void {
    for (const link of this.#links) closeSync(link)
    closeProgram(this.#program)
  }

  #map(name: string): number {
    return this.#program.maps.get(name) as number
  }

  /** The counts of what was lost stand in the same value: what is lost between reading and writing it is not counted. */
  #control(listedBefore: bigint): void {
    const lost = this.lost()
    const value = Buffer.alloc(CONTROL_BYTES)
    value.writeBigUInt64LE(listedBefore, 0)
    value.writeBigUInt64LE(this.#ancestorBefore, 8)
    value.writeBigUInt64LE(BigInt(lost.exits), LOST_AT)
    value.writeBigUInt64LE(BigInt(lost.starts), LOST_STARTS_AT)
    this.#bpf.call(BpfCommand.mapUpdate, 32, [
      [0, 4, this.#map('bss')],
      [8, 8, Buffer.alloc(4)],
      [16, 8, value],
    ])
  }

  #take(
    name: string,
    keyBytes: number,
    valueBytes: number,
    each: (key: Buffer, value: Buffer) => void,
  ): void {
    const keys = Buffer.alloc(keyBytes * BATCH_ENTRIES)
    const values = Buffer.alloc(valueBytes * BATCH_ENTRIES)
    const [from, next] = [Buffer.alloc(8), Buffer.alloc(8)]
    for (let isFirst = true; ; isFirst = false) {
      const { count, isEnd } = this.#takeBatch(name, keys, values, isFirst ? undefined : from, next)
      for (let index = 0; index < count; index++) {
        const at = index * valueBytes
        each(
          keys.subarray(index * keyBytes, (index + 1) * keyBytes),
          values.subarray(at, at + valueBytes),
        )
      }
      if (isEnd) return
      next.copy(from)
    }
  }

  #takeBatch(
    name: string,
    keys: Buffer,
    values: Buffer,
    from: Buffer | undefined,
    next: Buffer,
  ): { count: number; isEnd: boolean } {
    const attributes = this.#bpf.attributes(56, [
      [0, 8, from ?? 0],
      [8, 8, next],
      [16, 8, keys],
      [24, 8, values],
      [32, 4, BATCH_ENTRIES],
      [36, 4, this.#map(name)],
    ])
    let isEnd = false
    try {
      this.#bpf.callWith(BpfCommand.mapLookupAndDeleteBatch, attributes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      isEnd = true
    }
    return { count: attributes.readUInt32LE(32), isEnd }
  }
}

/** Nanoseconds since boot, rounded down to the grain of /proc/uptime. */
function boottime(): bigint {
  const [seconds, hundredths] = readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0].split('.')
  return BigInt(seconds) * 1_000_000_000n + BigInt(hundredths) * UPTIME_GRAIN_NANOSECONDS
}

function u64(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset))
}

function processId(key: Buffer): ProcessId {
  return { start: u64(key, 0), pid: u64(key, 8) }
}

function unseenKey(bytes: Buffer): Pick<UnseenExits, 'ancestor' | 'comm'> {
  const end = bytes.indexOf(0, 16)
  const comm = bytes.toString('utf8', 16, end < 0 || end > UNSEEN_BYTES ? UNSEEN_BYTES : end)
  return { ancestor: processId(bytes), comm }
}

function usageOf(bytes: Buffer): ExitUsage {
  const at = (index: number) => u64(bytes, index * 8)
  return {
    exits: at(0),
    utime: at(1),
    stime: at(2),
    runtime: at(3),
    minflt: at(4),
    majflt: at(5),
    voluntary: at(6),
    nonvoluntary: at(7),
    readBytes: at(8),
    writeBytes: at(9),
  }
}
