/**
 * Lets a long collection give way: a scrape, a probe or a push never waits longer than one slice.
 */
import { setImmediate } from 'node:timers/promises'

export class TimeSlice {
  readonly #milliseconds: number
  #started = 0

  constructor(milliseconds = 10) {
    this.#milliseconds = milliseconds
  }

  /** Starts a slice. */
  begin(): void {
    this.#started = performance.now()
  }

  /** Whether the slice is used up: time to `await next()`. */
  isOver(): boolean {
    return performance.now() - this.#started >= this.#milliseconds
  }

  /** Lets everything else run once, then starts the next slice. */
  async next(): Promise<void> {
    await setImmediate()
    this.begin()
  }
}
