/** From counts of events to measurements. */
import type { BatchObservableResult } from '@opentelemetry/api'
import type { CgroupCounters } from '../../kernel/perf-events/cgroup-counters.ts'
import type { Entity } from '../../telemetry/entity.ts'
import type { Measurement } from '../../telemetry/instruments.ts'
import { COVERAGE, isClock } from './definitions.ts'

const NANOSECONDS = 1e9

/** An event that never was on a CPU has no value. */
export function observePerf(
  result: BatchObservableResult,
  measurements: Readonly<Record<string, Measurement>>,
  entity: Entity,
  counts: ReturnType<CgroupCounters['read']>,
): void {
  let enabled = 0
  let running = 0
  for (const [event, count] of counts) {
    enabled += count.enabled
    running += count.running
    if (count.running === 0) continue
    const value = isClock(event) ? count.value / NANOSECONDS : count.value
    measurements[event.label].observe(result, entity, value)
  }
  if (enabled > 0) measurements[COVERAGE].observe(result, entity, running / enabled)
}
