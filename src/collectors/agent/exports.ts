/** Metrics of pushes, as OpenTelemetry's SDKs report them of their exporters. */
import type { HrTime, Meter } from '@opentelemetry/api'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import type { ExportCounts } from '../../telemetry/otlp/export-counts.ts'
import { EXPORT_METRICS, REQUEST_METRICS, SKIPPED_METRICS } from './definitions.ts'

/** Why points did not arrive, where there is no gRPC status. */
const REJECTED = 'rejected'
const SUPERSEDED = 'superseded'

/**
 * Registers the counters of exported points, skipped pushes and requests.
 *
 * @param counts undefined when nothing is pushed: then there are no such metrics.
 * @param created since when exports are counted.
 */
export function registerExports(
  meter: Meter,
  counts: () => ExportCounts | undefined,
  created: HrTime,
): void {
  const points = createInstruments(meter, EXPORT_METRICS)
  const pushes = createInstruments(meter, SKIPPED_METRICS)
  const requests = createInstruments(meter, REQUEST_METRICS)
  const all = new Entity({}, created)
  const failed = new Entities('error.type', created)
  const statuses = new Entities('rpc.status_code', created)
  meter.addBatchObservableCallback(
    (result) => {
      const now = counts()
      if (now === undefined) return
      const { exported } = points.measurements
      exported.observe(result, all, now.exported)
      exported.observe(result, failed.get(REJECTED), now.rejected)
      exported.observe(result, failed.get(SUPERSEDED), now.superseded)
      for (const [reason, count] of now.failed) exported.observe(result, failed.get(reason), count)
      pushes.measurements.skipped.observe(result, all, now.uncollected)
      for (const [status, count] of now.requests) {
        requests.measurements.sent.observe(result, statuses.get(status), count)
      }
    },
    [...points.observables, ...pushes.observables, ...requests.observables],
  )
}

/** An entity for each value of one attribute. */
class Entities {
  readonly #key: string
  readonly #start: HrTime
  readonly #entities = new Map<string, Entity>()

  constructor(key: string, start: HrTime) {
    this.#key = key
    this.#start = start
  }

  get(value: string): Entity {
    let entity = this.#entities.get(value)
    if (entity === undefined) {
      entity = new Entity({ [this.#key]: value }, this.#start)
      this.#entities.set(value, entity)
    }
    return entity
  }
}
