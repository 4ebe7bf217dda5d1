/** Metrics of the collectors' runs: duration, success, series, and failures by reason. */

import type { HrTime, Meter } from '@opentelemetry/api'
import { errorCode } from '../../kernel/errors.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import type { CollectorRun } from '../../telemetry/sampler.ts'
import { toSeconds } from '../../telemetry/time.ts'
import { COLLECTOR_KEY, COLLECTOR_METRICS, FAILURE_METRICS } from './definitions.ts'

/**
 * Registers duration, success and series of each collector, and a counter of its failures by reason.
 *
 * @param created since when failures are counted.
 */
export function registerRuns(
  meter: Meter,
  runs: () => Iterable<CollectorRun>,
  created: HrTime,
): void {
  const collectors = createInstruments(meter, COLLECTOR_METRICS)
  const failures = createInstruments(meter, FAILURE_METRICS)
  const entities = new Map<string, Entity>()
  const counts = new Map<string, { readonly entity: Entity; count: number }>()
  meter.addBatchObservableCallback(
    (result) => {
      for (const { name, time, duration, series, dropped, errors } of runs()) {
        const entity = entities.get(name) ?? new Entity({ [COLLECTOR_KEY]: name }, created)
        entities.set(name, entity)
        const { measurements: m } = collectors
        m.timestamp.observe(result, entity, toSeconds(time))
        m.duration.observe(result, entity, duration)
        m.success.observe(result, entity, errors.length === 0 ? 1 : 0)
        m.series.observe(result, entity, series)
        m.dropped.observe(result, entity, dropped)
        for (const error of errors) countFailure(counts, name, error, created)
      }
      for (const { entity, count } of counts.values()) {
        failures.measurements.errors.observe(result, entity, count)
      }
    },
    [...collectors.observables, ...failures.observables],
  )
}

function countFailure(
  counts: Map<string, { readonly entity: Entity; count: number }>,
  name: string,
  error: unknown,
  created: HrTime,
): void {
  const type = errorCode(error)
  const key = `${name} ${type}`
  const known = counts.get(key)
  if (known !== undefined) {
    known.count++
  } else {
    const entity = new Entity({ [COLLECTOR_KEY]: name, 'error.type': type }, created)
    counts.set(key, { entity, count: 1 })
  }
}
