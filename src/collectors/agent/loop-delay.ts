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

/** Delays in seconds; 0 where none were measured. */
interface Delays {
  readonly p99: number
  readonly max: number
}

const NO_DELAYS: Delays = { p99: 0, max: 0 }

/** Measures the delay of the event loop during collections and while they are answered. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MILLISECONDS })
  #timer: NodeJS.Timeout | undefined
  /** Of earlier times of watching, since the last call of `take`. */
  #earlier = NO_DELAYS

  /** Says that a collection begins or goes on. */
  watch(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh()
      return
    }
    // Without a reset the histogram would take the time since it was disabled for a delay.
    this.#earlier = this.#measured()
    this.#histogram.reset()
    this.#histogram.enable()
    this.#timer = setTimeout(() => this.#pause(), WINDOW_MILLISECONDS)
    this.#timer.unref()
  }

  /** The delays since the last call; where it was watched several times, the largest value of each kind. */
  take(): Delays {
    const delays = this.#measured()
    this.#earlier = NO_DELAYS
    this.#histogram.reset()
    return delays
  }

  /** Ends the timers. */
  close(): void {
    clearTimeout(this.#timer)
    this.#pause()
  }

  #measured(): Delays {
    if (this.#histogram.count === 0) return this.#earlier
    return {
      p99: Math.max(this.#earlier.p99, seconds(this.#histogram.percentile(99))),
      max: Math.max(this.#earlier.max, seconds(this.#histogram.max)),
    }
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
