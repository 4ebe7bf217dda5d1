/** The largest values of the last minute, in a few numbers for each entity. */
import type { FigureName, Kind } from './figures.ts'

/** What peaks are kept of, for each kind; of the others there are none. */
export const PEAK_FIGURES: Readonly<Partial<Record<Kind, readonly FigureName[]>>> = {
  group: ['cpu', 'memory'],
  container: ['cpu', 'memory', 'cpuSome', 'memorySome', 'memoryFull', 'ioSome', 'ioFull'],
  pod: ['cpu', 'memory', 'cpuSome', 'memorySome', 'memoryFull', 'ioSome', 'ioFull'],
}

const WINDOW_SECONDS = 60
const BUCKET_SECONDS = 5
/** Those of the window, and the one that is being filled: a value shows for 60 to 65 seconds. */
const BUCKETS = WINDOW_SECONDS / BUCKET_SECONDS + 1

/** The part of a minute that a time (seconds) is in; a value that was added in it needs not be added again. */
export function bucketOf(at: number): number {
  return Math.floor(at / BUCKET_SECONDS)
}

/** Of one entity. */
export class Peaks {
  readonly #figures: number
  readonly #values: Float32Array
  #bucket = Number.NEGATIVE_INFINITY

  /** @param figures how many there are. */
  constructor(figures: number) {
    this.#figures = figures
    this.#values = new Float32Array(figures * BUCKETS).fill(Number.NaN)
  }

  /** @param at seconds since the epoch. */
  add(figure: number, at: number, value: number): void {
    const bucket = bucketOf(at)
    // The clock was set back.
    if (bucket <= this.#bucket - BUCKETS) this.#bucket = Number.NEGATIVE_INFINITY
    for (let next = Math.max(this.#bucket + 1, bucket - BUCKETS + 1); next <= bucket; next++) {
      const start = (next % BUCKETS) * this.#figures
      this.#values.fill(Number.NaN, start, start + this.#figures)
    }
    this.#bucket = Math.max(this.#bucket, bucket)
    const index = (bucket % BUCKETS) * this.#figures + figure
    if (!(this.#values[index] >= value)) this.#values[index] = value
  }

  /** The largest value that ended no more than about a minute before; NaN for none. */
  get(figure: number, at: number): number {
    const bucket = bucketOf(at)
    let largest = Number.NaN
    const oldest = Math.max(bucket, this.#bucket) - BUCKETS + 1
    for (let each = Math.max(oldest, this.#bucket - BUCKETS + 1); each <= this.#bucket; each++) {
      const value = this.#values[(each % BUCKETS) * this.#figures + figure]
      if (!(largest >= value) && !Number.isNaN(value)) largest = value
    }
    return largest
  }
}

/** The CPU time of an entity in the last second and a bit, for a rate over one second at any of several instants. */
export class RecentUsage {
  readonly #times = new Float64Array(SAMPLES).fill(Number.NaN)
  readonly #values = new Float64Array(SAMPLES)
  #next = 0

  /**
   * @param at seconds.
   * @param total seconds of CPU time so far.
   * @returns CPUs in use over the last second, as near to one as there are samples; NaN while there are none.
   */
  add(at: number, total: number): number {
    let rate = Number.NaN
    let best = Number.POSITIVE_INFINITY
    for (let index = 0; index < SAMPLES; index++) {
      const age = at - this.#times[index]
      const distance = Math.abs(age - 1)
      if (!(age >= MIN_AGE) || distance >= best) continue
      best = distance
      rate = Math.max(0, total - this.#values[index]) / age
    }
    this.#times[this.#next] = at
    this.#values[this.#next] = total
    this.#next = (this.#next + 1) % SAMPLES
    return rate
  }
}

/** More than samples are taken in a second. */
const SAMPLES = 12
/** Seconds; over less, a rate says nothing about a second. */
const MIN_AGE = 0.9
