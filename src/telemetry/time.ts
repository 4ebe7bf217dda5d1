/** Times as OpenTelemetry has them: seconds and nanoseconds since the epoch. */
import type { HrTime } from '@opentelemetry/api'

/** The wall clock now, to the millisecond. */
export function now(): HrTime {
  return fromMilliseconds(Date.now())
}

function fromMilliseconds(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000)
  return [seconds, (milliseconds - seconds * 1000) * 1e6]
}

export function toSeconds([seconds, nanoseconds]: HrTime): number {
  return seconds + nanoseconds / 1e9
}
