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
  utime: 160,
  stime: 168,
  runtime: 176,
  prevUtime: 184,
  prevStime: 192,
  cutime: 200,
  cstime: 208,
  minflt: 216,
  majflt: 224,
  cminflt: 232,
  cmajflt: 240,
  readBytes: 248,
  writeBytes: 256,
  pastReadBytes: 264,
  pastWriteBytes: 272,
  rssFile: 288,
  rssAnon: 296,
  rssShmem: 304,
  swap: 312,
  rssQuick: 320,
  totalVm: 328,
  startStack: 336,
  cgroup: 344,
  openFilesLimit: 352,
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
  sumsFlags: 280,
  threads: 284,
  descriptors: 360,
} as const

const VERSION = 2
const IS_LEADER = 1
const HAS_NAME = 2
const TASK_BYTES = 160
const LEADER_BYTES = 368
const NAME_BYTES = 40
const COMM_AT = 144
const COMM_BYTES = 16
const PID_MAX_LIMIT = 2 ** 22
const HIGH = 2 ** 32
/** The largest high half of a number that a double holds exactly. */
const EXACT_HIGH = 2 ** 21
const SPACE = 0x20
/** Far more kernel functions than tasks ever sleep in. */
const MAX_FUNCTIONS = 4096

/** The kernel's records can't be those of this version, or are damaged. */
export class BpfRecordError extends Error {
  readonly code = 'EFORMAT'
}

/** The records of one pass over all tasks and of the pass before, in memory that is used again. */
export class TaskRecords {
  #bytes: Buffer<ArrayBufferLike>
  #words: Uint32Array<ArrayBufferLike>
  /** Of the pass before. */
  #lastBytes: Buffer = Buffer.alloc(0)
  #lastWords: Uint32Array = new Uint32Array()
  /** Bytes that are filled. */
  length = 0
  /** Index of the first word of the current record. */
  #at = 0
  /** Names of kernel functions by address. In each pass, the first record with an address gives the name, too. */
  readonly #functions = new Map<number, string>()

  constructor(capacity = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
    this.#words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, capacity >> 2)
  }

  /** Room for `size` more bytes, to be filled and then added to `length`. */
  room(size: number): Buffer {
    if (this.length + size > this.#bytes.length) this.#grow(this.length + size)
    return this.#bytes.subarray(this.length, this.length + size)
  }

  /** Begins another pass. */
  clear(): void {
    const [bytes, words] = [this.#lastBytes, this.#lastWords]
    this.#lastBytes = this.#bytes
    this.#lastWords = this.#words
    this.#bytes = bytes
    this.#words = words
    this.length = 0
    if (this.#functions.size > MAX_FUNCTIONS) this.#functions.clear()
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
      if ((this.#flags & HAS_NAME) !== 0) this.#learnFunction()
      each(at)
    }
  }

  /** Makes the record at that offset the current one. */
  moveTo(offset: number): void {
    this.#at = offset >> 2
  }

  /** Whether the current record is the same, byte by byte, as that of the pass before at an offset. */
  isAsBefore(offset: number): boolean {
    // No array for both: here, it would be an object for each task.
    const words = this.#words
    const last = this.#lastWords
    const before = offset >> 2
    const end = this.#at + (this.word(WORD.size) >> 2)
    for (let at = this.#at, other = before; at < end; at++, other++) {
      if (words[at] !== last[other]) return false
    }
    return true
  }

  get isLeader(): boolean {
    return (this.#flags & IS_LEADER) !== 0
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
  wchan(): string {
    const address = this.#key(TASK.wchan)
    return address === 0 ? '' : (this.#functions.get(address) ?? '')
  }

  /** Stores the name of a kernel function that the current record gives. */
  #learnFunction(): void {
    const start = this.#at * 4 + this.word(WORD.size) - NAME_BYTES
    let end = start
    // A module's name follows that of its function.
    for (; end < start + NAME_BYTES; end++) {
      const byte = this.#bytes[end]
      if (byte === 0 || byte === SPACE) break
    }
    this.#functions.set(this.#key(TASK.wchan), this.#bytes.toString('latin1', start, end))
  }

  get #flags(): number {
    return this.#words[this.#at + 1] >>> 16
  }

  /** The lower 53 bits of a 64-bit field: addresses in the kernel have the same bits above these. */
  #key(offset: number): number {
    const index = this.#at + (offset >> 2)
    return (this.#words[index + 1] % EXACT_HIGH) * HIGH + this.#words[index]
  }

  #check(at: number): void {
    const size = this.word(WORD.size)
    const second = this.word(4)
    const flags = this.#flags
    const isLeader = (flags & IS_LEADER) !== 0
    const whole =
      (isLeader ? LEADER_BYTES : TASK_BYTES) + ((flags & HAS_NAME) === 0 ? 0 : NAME_BYTES)
    const isWhole = size === whole && at + size <= this.length
    const pid = this.word(WORD.pid)
    const tgid = this.word(WORD.tgid)
    const isTask = pid > 0 && pid <= PID_MAX_LIMIT && tgid > 0 && tgid <= PID_MAX_LIMIT
    if (isWhole && isTask && (second & 0xffff) === VERSION && isLeader === (pid === tgid)) return
    throw new BpfRecordError(
      `the task iterator gave a record that is damaged or of another version, at byte ${at}`,
    )
  }

  #grow(least: number): void {
    // A pass needs about as much as the one before.
    const capacity = Math.max(2 ** Math.ceil(Math.log2(least)), this.#lastBytes.length)
    const bytes = Buffer.allocUnsafeSlow(capacity)
    bytes.set(this.#bytes.subarray(0, this.length))
    this.#bytes = bytes
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, capacity >> 2)
  }
}
