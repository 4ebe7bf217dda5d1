/** Observes perf counts. */
import type { BatchObservableResult } from '@opentelemetry/api'
import type { Counts } from '../../kernel/perf-events/counters.ts'
import type { Entity } from '../../telemetry/entity.ts'
import type { Measurement } from '../../telemetry/instruments.ts'
import { COVERAGE, isClock, TIMES } from './definitions.ts'

const NANOSECONDS_PER_SECOND = 1e9

/**
 * Observes the counts of one entity. An event that was never counted has no value.
 *
 * @param times labels of the times that are wanted.
 */
export function observePerf(
  result: BatchObservableResult,
  measurements: Readonly<Record<string, Measurement>>,
  entity: Entity,
  counts: Counts,
  times: readonly (keyof typeof TIMES)[],
): void {
  let coverage = Number.NaN
  for (const [event, count] of counts) {
    if (count.enabled === 0) continue
    const counted = count.running / count.enabled
    if (!(counted >= coverage)) coverage = counted
    if (counted === 0) continue
    const value = isClock(event) ? count.value / NANOSECONDS_PER_SECOND : count.value
    measurements[event.label].observe(result, entity, value)
  }
  for (const label of times) {
    const most = Math.max(0, ...[...counts.values()].map((count) => count[TIMES[label]]))
    measurements[label].observe(result, entity, most / NANOSECONDS_PER_SECOND)
  }
  if (coverage >= 0) measurements[COVERAGE].observe(result, entity, coverage)
}
