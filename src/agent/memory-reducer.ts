/**
 * Returns memory to the kernel while nothing is collected.
 *
 * V8 collects its old generation when that has grown by some percent, and keeps the pages that become free for later. An
 * agent that allocates little between two scrapes so keeps the garbage of its start, and the room that a peak has taken,
 * for hours. A `last-resort` collection frees both. What malloc keeps is returned with it.
 *
 * What has ended does not make the heap grow, so V8 does not collect it any sooner: the reducer is told how many processes and
 * series there are.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { limitMalloc, type Malloc } from '../kernel/malloc.ts'
import { cpuTime } from './cpu-time.ts'

/** What the reducer works with; tests have their own. */
export interface MemoryReducerOptions {
  /** Collects all garbage and returns free pages, of V8 and of malloc. */
  readonly collectGarbage: () => void
  /** CPU time of this process so far, in seconds. */
  readonly cpuTime: () => number
  /** Resident memory of V8's heap, in bytes. */
  readonly heapSize: () => number
}

/** Milliseconds without another collection after which the process counts as idle. */
const IDLE_MILLISECONDS = 500
/** The most that it takes of the CPU time of the process. */
const SHARE_OF_CPU = 0.03
/** The same after many processes or series have ended. */
const SHARE_AFTER_END = 0.2
/** Many: this part of all that there were since garbage was collected, and not less than this number. */
const ENDED_PART = 0.2
const ENDED_AT_LEAST = 1000
/** A heap that has grown by this factor has had a peak; V8 itself collects garbage before that otherwise. */
const GROWTH = 1.6

/**
 * Collects all garbage when the process is idle: when the heap has grown, and otherwise for at most 3 % of the CPU time that
 * the process uses, or 20 % after much has ended.
 */
export class MemoryReducer {
  readonly #options: MemoryReducerOptions
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  /** CPU time of the process, in seconds: when garbage was last collected, and how much that took. */
  #collectedAt = Number.NEGATIVE_INFINITY
  #cost = 0
  /** After the last time. */
  #heapSize = 0
  /** How many processes and series there are, and were at most since then. */
  #size = 0
  #largestSize = 0

  constructor(options: MemoryReducerOptions) {
    this.#options = options
  }

  /** To be called when a collection of metrics begins: it may take longer than the process has to be idle. */
  suspend(): void {
    clearTimeout(this.#timer)
  }

  /**
   * To be called after each collection of metrics.
   *
   * @param size how many processes and series there are.
   */
  resume(size: number): void {
    this.#size = size
    this.#largestSize = Math.max(this.#largestSize, size)
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#reduce(), IDLE_MILLISECONDS).unref()
  }

  close(): void {
    this.#isClosed = true
    this.suspend()
  }

  #reduce(): void {
    const { collectGarbage, cpuTime, heapSize } = this.#options
    const before = cpuTime()
    const share = this.#hasMuchEnded() ? SHARE_AFTER_END : SHARE_OF_CPU
    const isDue = before >= this.#collectedAt + this.#cost / share
    if (!isDue && heapSize() < GROWTH * this.#heapSize) return
    collectGarbage()
    this.#collectedAt = cpuTime()
    this.#cost = this.#collectedAt - before
    this.#heapSize = heapSize()
    this.#largestSize = this.#size
  }

  #hasMuchEnded(): boolean {
    const ended = this.#largestSize - this.#size
    return ended >= Math.max(ENDED_AT_LEAST, ENDED_PART * this.#largestSize)
  }
}

/**
 * The options for this process.
 *
 * @param usesKoffi whether koffi is loaded anyway: only then malloc returns what it keeps, which is more than koffi takes itself.
 */
export function ofThisProcess(usesKoffi: boolean): MemoryReducerOptions {
  const collectGarbage = garbageCollection()
  let isLimited = !usesKoffi
  let malloc: Malloc | undefined
  const load = async () => {
    malloc = await limitMalloc()
    malloc?.trim()
  }
  return {
    collectGarbage: () => {
      collectGarbage()
      malloc?.trim()
      if (isLimited) return
      // Not before: the first answer does not wait for it.
      isLimited = true
      load()
    },
    cpuTime,
    heapSize: () => getHeapStatistics().total_physical_size,
  }
}

/** V8's own function, which only contexts have that are created while its flag is set. */
function garbageCollection(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as NodeJS.GCFunction
  setFlagsFromString('--no-expose-gc')
  return () => collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
