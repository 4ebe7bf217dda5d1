/** Metrics of the sources of container and pod names. */
import type { HrTime, Meter } from '@opentelemetry/api'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import type { SourceCache } from '../../workloads/source-cache.ts'
import { NAME_SOURCE_KEY, NAME_SOURCE_METRICS } from './definitions.ts'

/**
 * Registers the counters of each source of container and pod names.
 *
 * @param created since when requests are counted.
 */
export function registerNameSources(
  meter: Meter,
  caches: readonly SourceCache[],
  created: HrTime,
): void {
  const { measurements: m, observables } = createInstruments(meter, NAME_SOURCE_METRICS)
  const entities = caches.map(
    ({ source }) => new Entity({ [NAME_SOURCE_KEY]: source.name }, created),
  )
  meter.addBatchObservableCallback((result) => {
    for (const [index, { counts, failure, size }] of caches.entries()) {
      const entity = entities[index]
      m.lists.observe(result, entity, counts.lists)
      m.errors.observe(result, entity, counts.failures)
      m.success.observe(result, entity, failure === undefined ? 1 : 0)
      m.containers.observe(result, entity, size)
    }
  }, observables)
}
