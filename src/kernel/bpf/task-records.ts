/** The records of programs/tasks.bpf.c; offsets and units are those of programs/records.h. */

/** Offsets of 64-bit fields of each task. */
export const TASK = {
  start: 32,
  utime: 40,
  stime: 48,
  runtime: 56,
  prevUtime: 64,
  prevStime: 72,
  minflt: 80,
  majflt: 88,
  voluntary: 96,
  nonvoluntary: 104,
  readBytes: 112,
  writeBytes: 120,
  runDelay: 128,
  wchan: 136,
} as const

/** Offsets of 64-bit fields of a leader: of the whole process. */
export const PROCESS = {
  utime: 200,
  stime: 208,
  runtime: 216,
  prevUtime: 224,
  prevStime: 232,
  cutime: 240,
  cstime: 248,
  minflt: 256,
  majflt: 264,
  cminflt: 272,
  cmajflt: 280,
  readBytes: 288,
  writeBytes: 296,
  pastReadBytes: 304,
  pastWriteBytes: 312,
  rssFile: 328,
  rssAnon: 336,
  rssShmem: 344,
  swap: 352,
  rssQuick: 360,
  totalVm: 368,
  startStack: 376,
  cgroup: 384,
  openFilesLimit: 392,
} as const

/** Offsets of 32-bit fields. */
export const WORD = {
  size: 0,
  tgid: 8,
  pid: 12,
  ppid: 16,
  euid: 20,
  state: 24,
  flags: 28,
  sumsFlags: 320,
  threads: 324,
  descriptors: 400,
} as const

const VERSION = 1
const IS_LEADER = 1
const TASK_BYTES = 200
const LEADER_BYTES = 408
const WCHAN_NAME_AT = 144
const WCHAN_NAME_BYTES = 40
const COMM_AT = 184
const COMM_BYTES = 16
const PID_MAX_LIMIT = 2 ** 22
const HIGH = 2 ** 32
/** The largest high half of a number that a double holds exactly. */
const EXACT_HIGH = 2 ** 21
const SPACE = 0x20

/** The kernel's records can't be those of this version, or are damaged. */
export class BpfRecordError extends Error {
  readonly code = 'EFORMAT'
}

/** The records of one pass over all tasks, in memory that is used again for the next. */
export class TaskRecords {
  #bytes: Buffer
  #words: Uint32Array
  /** Bytes that are filled. */
  length = 0
  /** Index of the first word of the current record. */
  #at = 0

  constructor(capacity = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
    this.#words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, capacity >> 2)
  }

  /** Room for `size` more bytes, to be filled and then added to `length`. */
  room(size: number): Buffer {
    if (this.length + size > this.#bytes.length) this.#grow(this.length + size)
    return this.#bytes.subarray(this.length, this.length + size)
  }

  clear(): void {
    this.length = 0
  }

  /**
   * Checks the records from `offset` on.
   *
   * @param each called with the offset of each, which is the current one then.
   * @throws BpfRecordError when one is damaged.
   */
  scan(offset: number, each: (offset: number) => void): void {
    for (let at = offset; at < this.length; at += this.word(WORD.size)) {
      this.moveTo(at)
      this.#check(at)
      each(at)
    }
  }

  /** Makes the record at that offset the current one. */
  moveTo(offset: number): void {
    this.#at = offset >> 2
  }

  get isLeader(): boolean {
    return this.#words[this.#at] === LEADER_BYTES
  }

  /** A 32-bit field of the current record. */
  word(offset: number): number {
    return this.#words[this.#at + (offset >> 2)]
  }

  /** A 64-bit field as the nearest double. */
  number(offset: number): number {
    const index = this.#at + (offset >> 2)
    return this.#words[index + 1] * HIGH + this.#words[index]
  }

  /** The lower 53 bits of a 64-bit field: addresses in the kernel have the same bits above these. */
  key(offset: number): number {
    const index = this.#at + (offset >> 2)
    return (this.#words[index + 1] % EXACT_HIGH) * HIGH + this.#words[index]
  }

  /** A 64-bit field, exact. */
  u64(offset: number): number | bigint {
    const index = this.#at + (offset >> 2)
    const high = this.#words[index + 1]
    const low = this.#words[index]
    return high < EXACT_HIGH ? high * HIGH + low : (BigInt(high) << 32n) | BigInt(low)
  }

  /** The task's name, `known` itself when it is still the same; bytes that aren't UTF-8 become U+FFFD. */
  comm(known = ''): string {
    const start = this.#at * 4 + COMM_AT
    let end = start
    let isKnown = true
    for (; end < start + COMM_BYTES && this.#bytes[end] !== 0; end++) {
      const byte = this.#bytes[end]
      if (byte > 0x7f || byte !== known.charCodeAt(end - start)) isKnown = false
    }
    return isKnown && end - start === known.length
      ? known
      : this.#bytes.toString('utf8', start, end)
  }

  /** The name of the kernel function that the task sleeps in; '' for none. */
  wchanName(): string {
    const start = this.#at * 4 + WCHAN_NAME_AT
    let end = start
    while (end < start + WCHAN_NAME_BYTES) {
      const byte = this.#bytes[end]
      // A module's name follows that of its function.
      if (byte === 0 || byte === SPACE) break
      end++
    }
    return this.#bytes.toString('latin1', start, end)
  }

  #check(at: number): void {
    const size = this.word(WORD.size)
    const second = this.word(4)
    const isLeader = second >>> 16 === IS_LEADER
    const isWhole = size === (isLeader ? LEADER_BYTES : TASK_BYTES) && at + size <= this.length
    const [pid, tgid] = [this.word(WORD.pid), this.word(WORD.tgid)]
    const isTask = pid > 0 && pid <= PID_MAX_LIMIT && tgid > 0 && tgid <= PID_MAX_LIMIT
    if (isWhole && isTask && (second & 0xffff) === VERSION && isLeader === (pid === tgid)) return
    throw new BpfRecordError(
      `the task iterator gave a record that is damaged or of another version, at byte ${at}`,
    )
  }

  #grow(least: number): void {
    const capacity = 2 ** Math.ceil(Math.log2(least))
    const bytes = Buffer.allocUnsafeSlow(capacity)
    bytes.set(this.#bytes.subarray(0, this.length))
    this.#bytes = bytes
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, capacity >> 2)
  }
}
