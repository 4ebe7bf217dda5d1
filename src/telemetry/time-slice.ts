/**
 * Lets long work give way: a scrape, a probe or a push never waits longer than one slice.
 */
import { setImmediate } from 'node:timers/promises'

/** Tells long work when it must give way to the rest of the event loop; a slice is milliseconds. */
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

/** Work that yields wherever others may have their turn. */
export type Work<T> = Generator<void, T>

/** As many points as are a millisecond's work, even when their labels are new. */
const POINTS_AT_ONCE = 200

/** Hands over the indices of points, a piece of them at a time: from `start` to before `end`. */
export function* inPieces(
  points: number,
  handle: (start: number, end: number) => void,
): Work<void> {
  for (let start = 0; start < points; start += POINTS_AT_ONCE) {
    if (start > 0) yield
    handle(start, Math.min(start + POINTS_AT_ONCE, points))
  }
}

/** Does work in slices of time. */
export async function doInSlices<T>(work: Work<T>, slice = new TimeSlice()): Promise<T> {
  slice.begin()
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    if (slice.isOver()) await slice.next()
  }
}

/** Does work in one piece. */
export function doAtOnce<T>(work: Work<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
