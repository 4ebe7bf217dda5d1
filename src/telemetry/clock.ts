/**
 * The agent's clock, by which all starts and times are taken: the wall clock, but it never goes back.
 *
 * When the wall clock is set back, the agent's clock goes on, and keeps the difference. Times are handed out with the
 * difference taken off (`shown`), so that the starts of series move together with the times of their points, and no
 * point has a start after its time. A clock that is set forward is followed at once: starts stay before times.
 */
import type { HrTime } from '@opentelemetry/api'
import { addMilliseconds, fromMilliseconds } from './time.ts'

/** Steps back that are smaller are waited out: scheduling between two clock readings looks the same. Milliseconds. */
const TOLERANCE = 1000

/** Milliseconds between two readings of the clocks from which on they don't belong together. */
const PAUSE = 10
const ATTEMPTS = 3

/** Both in milliseconds; the monotonic one with any zero. */
export interface ClockSources {
  readonly wall: () => number
  readonly monotonic: () => number
}

/**
 * The agent's clock: a wall clock that never goes back. Times are `HrTime`, seconds and nanoseconds since the epoch.
 */
export class Clock {
  readonly #sources: ClockSources
  /** Milliseconds by which the wall clock has been set back in all. */
  #setBack = 0
  #lastWall: number
  #lastMonotonic: number
  #last: number
  #shown = shownWhenSetBack(0)

  constructor(
    { wall, monotonic }: ClockSources = {
      wall: () => Date.now(),
      monotonic: () => performance.now(),
    },
  ) {
    this.#sources = { wall, monotonic }
    const first = this.#read()
    this.#lastWall = first.wall
    this.#lastMonotonic = first.monotonic
    this.#last = first.wall
  }

  /** The time now, to the millisecond; never before one that was given earlier. */
  now(): HrTime {
    const { wall, monotonic } = this.#read()
    const expected = this.#lastWall + (monotonic - this.#lastMonotonic)
    if (wall < expected - TOLERANCE) {
      this.#setBack += Math.round(expected - wall)
      this.#shown = shownWhenSetBack(this.#setBack)
    }
    this.#lastWall = wall
    this.#lastMonotonic = monotonic
    this.#last = Math.max(this.#last, wall + this.#setBack)
    return fromMilliseconds(this.#last)
  }

  /** Both clocks at the same moment: a process may be stopped between two calls. */
  #read(): { wall: number; monotonic: number } {
    for (let attempt = 1; ; attempt++) {
      const monotonic = this.#sources.monotonic()
      const wall = this.#sources.wall()
      if (attempt === ATTEMPTS || this.#sources.monotonic() - monotonic < PAUSE) {
        return { wall, monotonic }
      }
    }
  }

  /** What the wall clock, as it is set now, shows for a time of this clock. */
  get shown(): (time: HrTime) => HrTime {
    return this.#shown
  }

  /** The time of this clock for one that the wall clock, as it is set now, shows. */
  taken(wall: HrTime): HrTime {
    return this.#setBack === 0 ? wall : addMilliseconds(wall, this.#setBack)
  }
}

/** @param setBack milliseconds. */
function shownWhenSetBack(setBack: number): (time: HrTime) => HrTime {
  if (setBack === 0) return (time) => time
  const shown = new WeakMap<HrTime, HrTime>()
  return (time) => {
    const known = shown.get(time) ?? addMilliseconds(time, -setBack)
    shown.set(time, known)
    return known
  }
}

/** The clock of this process. */
export const clock = new Clock()

/** The agent's clock now, to the millisecond. */
export function now(): HrTime {
  return clock.now()
}
