/** The past of one entity: a ring of figures by tick, in one typed array. */

/** A tick is a point on the recorder's clock: time divided by its interval. */
export class Series {
  readonly #figures: number
  readonly #ticks: number
  /** Tick by tick: what is written together lies together. */
  readonly #values: Float32Array
  /** The newest tick that was written; older slots than the ring has are overwritten. */
  #newest = Number.NEGATIVE_INFINITY
  #oldest = Number.POSITIVE_INFINITY

  constructor(figures: number, ticks: number) {
    this.#figures = figures
    this.#ticks = ticks
    this.#values = new Float32Array(figures * ticks).fill(Number.NaN)
  }

  /** Bytes that a series takes. */
  static bytes(figures: number, ticks: number): number {
    return figures * ticks * Float32Array.BYTES_PER_ELEMENT + OVERHEAD_BYTES
  }

  get newest(): number {
    return this.#newest
  }

  /** The oldest tick that may have a value. */
  get oldest(): number {
    return Math.max(this.#oldest, this.#newest - this.#ticks + 1)
  }

  /** Sets the value of all ticks from one to another. */
  set(figure: number, from: number, to: number, value: number): void {
    this.#reach(from, to)
    for (let tick = Math.max(from, this.oldest); tick <= to; tick++) {
      this.#values[this.#index(figure, tick)] = value
    }
  }

  /** Adds to what there is, or takes the larger one. */
  combine(figure: number, from: number, to: number, value: number, how: 'sum' | 'max'): void {
    this.#reach(from, to)
    for (let tick = Math.max(from, this.oldest); tick <= to; tick++) {
      const index = this.#index(figure, tick)
      const before = this.#values[index]
      if (Number.isNaN(before)) this.#values[index] = value
      else this.#values[index] = how === 'sum' ? before + value : Math.max(before, value)
    }
  }

  /** NaN where nothing was recorded. */
  get(figure: number, tick: number): number {
    if (tick > this.#newest || tick < this.oldest) return Number.NaN
    return this.#values[this.#index(figure, tick)]
  }

  /** Forgets everything. */
  clear(): void {
    this.#values.fill(Number.NaN)
    this.#newest = Number.NEGATIVE_INFINITY
    this.#oldest = Number.POSITIVE_INFINITY
  }

  /** Makes room up to a tick: what lies between has no value. */
  #reach(from: number, to: number): void {
    if (to <= this.#newest && from >= this.#oldest) return
    const first = Math.max(from, to - this.#ticks + 1)
    if (this.#newest === Number.NEGATIVE_INFINITY) this.#newest = first - 1
    this.#oldest = Math.min(this.#oldest, Math.max(first, this.#newest - this.#ticks + 1))
    const start = Math.max(this.#newest + 1, to - this.#ticks + 1)
    for (let tick = start; tick <= to; tick++) {
      const at = this.#index(0, tick)
      for (let figure = 0; figure < this.#figures; figure++) this.#values[at + figure] = Number.NaN
    }
    this.#newest = Math.max(this.#newest, to)
  }

  #index(figure: number, tick: number): number {
    return (tick % this.#ticks) * this.#figures + figure
  }
}

/** Of the objects around the values. */
const OVERHEAD_BYTES = 256
