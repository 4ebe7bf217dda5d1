/**
 * Reads files that may block for an unlimited time, in libuv's thread pool and with a time limit.
 *
 * A read that does not finish in time fails, and its owner is skipped. The thread that waits for it stays occupied until the
 * kernel answers; only the exit of this process ends the wait. So the number of concurrent reads is limited, and no owner has
 * a second read while one is blocked.
 */
import { closeSync, open, openSync, read } from 'node:fs'
import type { FileContent } from './file-reader.ts'

/** Limits of reads that may block. */
export interface BlockingFilesOptions {
  /** Milliseconds that a read may take. */
  readonly timeLimit?: number
  /** Maximal number of concurrent reads, blocked ones included. */
  readonly places?: number
  /** Called once for each owner that is skipped. */
  readonly onBlocked?: (path: string) => void
}

/** A file to be read, and how. */
export interface ReadRequest<T> {
  readonly path: string
  /** Bytes that are read at most. */
  readonly limit: number
  /** Whether the kernel hands it over in one piece, so that what doesn't fill the buffer is all. */
  readonly isOnePiece?: boolean
  /** Whether opening the file never blocks: it is opened on the main thread then, and only read in the pool. */
  readonly opensAtOnce?: boolean
  /** Number of places that such reads leave free for others. */
  readonly leaves?: number
  /**
   * Parses the content; the bytes are reused afterwards. Also called when the read finishes too late; then its result is
   * dropped.
   */
  readonly parse: (content: FileContent) => T
}

/** A read that did not finish in time, or was not tried because its owner, or all places, are blocked. */
export class BlockedError extends Error {
  override name = 'BlockedError'
  readonly code = 'blocked'
  readonly syscall = 'read'
}

interface Job<T> extends ReadRequest<T> {
  readonly owner: string
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
  started: number
  timer: NodeJS.Timeout | undefined
  isLate: boolean
}

type PlaceRequest = Pick<ReadRequest<unknown>, 'leaves'>

/** An owner that is skipped. */
interface Aside {
  /** Whether a read still waits for the kernel. */
  isWaiting: boolean
  /** For how long it is skipped after a blocked read has finished, and until when: milliseconds. */
  delay: number
  until: number
}

const TIME_LIMIT_MILLISECONDS = 2000
/** The time limit is measured in so many steps, more than a read has: opening, reading, and finding the end. */
const TIMER_STEPS = 5
/** Libuv takes the number when the pool is used for the first time. */
process.env.UV_THREADPOOL_SIZE ??= '8'
/** The pool is also needed for DNS and for configuration files. */
const PLACES = Math.max(1, Math.floor(Number(process.env.UV_THREADPOOL_SIZE) / 2))
/** For how long an owner is skipped after a blocked read. */
const MIN_DELAY_MILLISECONDS = 10_000
const MAX_DELAY_MILLISECONDS = 600_000
const BUFFER_BYTES = 4096

let late = 0

/** Number of blocked reads of this process that still occupy a thread. */
export function lateReads(): number {
  return late
}

/** Reads files in libuv's thread pool, each within a time limit, and skips the owners of files that did not answer. */
export class BlockingFiles {
  readonly #timeLimit: number
  readonly #places: number
  readonly #onBlocked: (path: string) => void
  readonly #aside = new Map<string, Aside>()
  readonly #queue: Job<unknown>[] = []
  readonly #buffers: Buffer[] = []
  #busy = 0
  #late = 0

  constructor({
    timeLimit = TIME_LIMIT_MILLISECONDS,
    places = PLACES,
    onBlocked = () => {},
  }: BlockingFilesOptions = {}) {
    this.#timeLimit = timeLimit
    this.#places = places
    this.#onBlocked = onBlocked
  }

  /**
   * Reads a file from its beginning.
   *
   * @param owner of the file: when one read blocks, all reads of the owner are skipped.
   * @returns what `parse` returns; rejects with BlockedError, NodeJS.ErrnoException, or what `parse` throws.
   */
  read<T>(owner: string, request: ReadRequest<T>): Promise<T> {
    if (this.#isAside(owner) || this.#isFull(request)) {
      return Promise.reject(new BlockedError(`${request.path} is left aside: a read has blocked`))
    }
    return new Promise((resolve, reject) => {
      const job: Job<T> = {
        ...request,
        owner,
        resolve,
        reject,
        started: 0,
        timer: undefined,
        isLate: false,
      }
      this.#queue.push(job as Job<unknown>)
      this.#startNext()
    })
  }

  #isAside(owner: string): boolean {
    const aside = this.#aside.get(owner)
    return aside !== undefined && (aside.isWaiting || performance.now() < aside.until)
  }

  #isFull(request: PlaceRequest): boolean {
    return this.#late >= this.#placesFor(request)
  }

  #placesFor({ leaves = 0 }: PlaceRequest): number {
    return Math.max(1, this.#places - leaves)
  }

  #start<T>(job: Job<T>): void {
    this.#busy++
    job.started = performance.now()
    this.#limit(job, TIMER_STEPS)
    const buffer = this.#buffers.pop() ?? Buffer.allocUnsafe(BUFFER_BYTES)
    if (job.opensAtOnce) {
      try {
        this.#readOn(job, openSync(job.path, 'r'), buffer, 0)
      } catch (error) {
        process.nextTick(() => this.#end(job, buffer, error as Error, 0))
      }
      return
    }
    open(job.path, 'r', (error, descriptor) => {
      if (error === null) this.#readOn(job, descriptor, buffer, 0)
      else this.#end(job, buffer, error, 0)
    })
  }

  /**
   * Gives up a job when its time is over. The time is measured in steps, so that answers are processed first after the event
   * loop was blocked or the process was stopped.
   */
  #limit<T>(job: Job<T>, steps: number): void {
    job.timer = setTimeout(() => {
      if (steps > 1) this.#limit(job, steps - 1)
      else this.#leaveAside(job)
    }, this.#timeLimit / TIMER_STEPS)
  }

  #readOn<T>(job: Job<T>, descriptor: number, buffer: Buffer, length: number): void {
    const room = Math.min(job.limit, buffer.length) - length
    read(descriptor, buffer, length, room, null, (error, count) => {
      const total = length + count
      const isEnd = count === 0 || total === job.limit || (job.isOnePiece && count < room)
      if (error === null && !isEnd) {
        this.#readOn(job, descriptor, total === buffer.length ? larger(buffer) : buffer, total)
        return
      }
      closeSync(descriptor)
      this.#end(job, buffer, error, total)
    })
  }

  #end<T>(job: Job<T>, buffer: Buffer, error: Error | null, length: number): void {
    clearTimeout(job.timer)
    job.timer = undefined
    this.#busy--
    this.#readmit(job, error === null && length > 0)
    try {
      if (error !== null) throw error
      job.resolve(job.parse({ bytes: buffer, length }))
    } catch (reason) {
      job.reject(reason as Error)
    }
    if (buffer.length === BUFFER_BYTES) this.#buffers.push(buffer)
    this.#startNext()
  }

  /** Notes that the kernel has answered. An owner whose file is empty has exited, and is removed. */
  #readmit<T>({ owner, isLate, started }: Job<T>, hasContent: boolean): void {
    if (isLate) {
      this.#late--
      late--
    }
    const aside = this.#aside.get(owner)
    if (aside === undefined) return
    if (!isLate || !hasContent) {
      this.#aside.delete(owner)
      return
    }
    const now = performance.now()
    const delay = Math.max(MIN_DELAY_MILLISECONDS, now - started, aside.delay * 2)
    aside.isWaiting = false
    aside.delay = Math.min(MAX_DELAY_MILLISECONDS, delay)
    aside.until = now + aside.delay
  }

  #leaveAside<T>(job: Job<T>): void {
    job.isLate = true
    this.#late++
    late++
    const known = this.#aside.get(job.owner)
    if (known === undefined) {
      this.#forgetOld()
      this.#onBlocked(job.path)
    }
    this.#aside.set(job.owner, { isWaiting: true, delay: known?.delay ?? 0, until: 0 })
    job.reject(
      new BlockedError(`${job.path} does not answer: the memory map of the process is locked`),
    )
    // Without a free place the others would wait forever.
    for (const waiting of this.#queue.splice(0)) {
      if (this.#isFull(waiting) || this.#isAside(waiting.owner)) {
        waiting.reject(new BlockedError(`${waiting.path} is left aside: a read has blocked`))
      } else {
        this.#queue.push(waiting)
      }
    }
  }

  #startNext(): void {
    while (this.#busy < this.#places) {
      const next = this.#queue.findIndex((job) => this.#busy < this.#placesFor(job))
      if (next < 0) return
      this.#start(this.#queue.splice(next, 1)[0])
    }
  }

  /** Removes owners that were not read again after their delay: they have exited. */
  #forgetOld(): void {
    const now = performance.now()
    for (const [owner, { isWaiting, until, delay }] of this.#aside) {
      if (!isWaiting && now > until + delay) this.#aside.delete(owner)
    }
  }
}

function larger(buffer: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(buffer.length * 2)
  buffer.copy(copy)
  return copy
}
