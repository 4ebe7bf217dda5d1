/**
 * Delay of the event loop during collections, and while their text and pushes are made.
 *
 * Node.js measures it by a timer. Running all the time, the timer would cost more than some collections, so it runs from the
 * start of a collection until half a second after it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Time between two measurements of the event loop. */
const RESOLUTION_MILLISECONDS = 50
/** Time after the end of a collection in which its text and its pushes are made. */
const WINDOW_MILLISECONDS = 500

/** Measures the delay of the event loop during collections and while they are answered. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MILLISECONDS })
  #timer: NodeJS.Timeout | undefined

  /** Says that a collection begins or goes on. */
  watch(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh()
      return
    }
    this.#histogram.enable()
    this.#timer = setTimeout(() => this.#pause(), WINDOW_MILLISECONDS)
    this.#timer.unref()
  }

  /** The delays in seconds since the last call, 0 where none were measured. */
  take(): { p99: number; max: number } {
    const { count } = this.#histogram
    const delays = {
      p99: count === 0 ? 0 : seconds(this.#histogram.percentile(99)),
      max: count === 0 ? 0 : seconds(this.#histogram.max),
    }
    this.#histogram.reset()
    return delays
  }

  /** Ends the timers. */
  close(): void {
    clearTimeout(this.#timer)
    this.#pause()
  }

  #pause(): void {
    this.#histogram.disable()
    this.#timer = undefined
  }
}

/** The histogram counts whole intervals; the delay is what goes beyond the one that was asked for. */
function seconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MILLISECONDS / 1000)
}
