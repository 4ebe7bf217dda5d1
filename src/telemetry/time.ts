/** Times as OpenTelemetry has them: seconds and nanoseconds since the epoch. */
import type { HrTime } from '@opentelemetry/api'

/**
 * The time of so many milliseconds since the epoch.
 *
 * @param milliseconds since the epoch.
 */
export function fromMilliseconds(milliseconds: number): HrTime {
  return addMilliseconds([0, 0], milliseconds)
}

/** A time so many milliseconds later. */
export function addMilliseconds([seconds, nanoseconds]: HrTime, milliseconds: number): HrTime {
  const whole = Math.floor(milliseconds / 1000)
  const sum = nanoseconds + Math.round((milliseconds - whole * 1000) * 1e6)
  return sum >= 1e9 ? [seconds + whole + 1, sum - 1e9] : [seconds + whole, sum]
}

/** A time as seconds since the epoch, with fraction. */
export function toSeconds([seconds, nanoseconds]: HrTime): number {
  return seconds + nanoseconds / 1e9
}

/** Negative when `one` is before `other`, 0 when they are the same. */
export function compareTimes(one: HrTime, other: HrTime): number {
  return one[0] - other[0] || one[1] - other[1]
}

/** The later one of two times. */
export function laterOf(one: HrTime, other: HrTime): HrTime {
  return compareTimes(one, other) < 0 ? other : one
}

/** The time between two in nanoseconds added to a third: `time + (to - from)`. */
export function shiftTime(time: HrTime, from: HrTime, to: HrTime): HrTime {
  if (from === to) return time
  let seconds = time[0] + to[0] - from[0]
  let nanoseconds = time[1] + to[1] - from[1]
  if (nanoseconds < 0) {
    seconds--
    nanoseconds += 1e9
  } else if (nanoseconds >= 1e9) {
    seconds++
    nanoseconds -= 1e9
  }
  return [seconds, nanoseconds]
}
