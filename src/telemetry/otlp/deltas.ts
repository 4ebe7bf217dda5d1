/**
 * Delta temporality: what was added since the receiver last took it. A push that fails leaves the next one to carry both,
 * so nothing is lost. What a receiver took though its answer got lost comes twice; OTLP has no remedy for that.
 *
 * A counter that started before the agent did has been pushed by an earlier run already, or counts a time
 * before this agent: its value before the first push is left out.
 */
import type { HrTime } from '@opentelemetry/api'
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import type { Series } from '../entity.ts'
import type { ObservedPoint } from '../points.ts'
import { compareTimes, shiftTime } from '../time.ts'

/** What the receiver knows of a series. */
interface Taken {
  readonly value: number
  readonly time: HrTime
  /** The start of the counter, as it was shown then. */
  readonly start: HrTime
}

/** A point whose delta is due until the receiver has accepted it. */
export interface DeltaPoint extends ObservedPoint {
  readonly accept: () => void
}

/** Where it is remembered. */
interface Slot {
  taken: Taken | undefined
}

/** Converts cumulative counters to deltas, and remembers what the receiver has accepted. */
export class Deltas {
  /** By the counter and the name of the metric: a counter goes on when it gets another name. */
  readonly #series = new WeakMap<Series, Map<string, Slot>>()
  /** What belongs to no entity, by all that identifies it; the agent's own collectors have none such. */
  readonly #others = new Map<string, Slot>()
  readonly #since: HrTime

  /** @param since when the agent started. */
  constructor(since: HrTime = [0, 0]) {
    this.#since = since
  }

  /** Counters as deltas; all else as it is. */
  convert(metrics: ResourceMetrics): ResourceMetrics {
    return {
      resource: metrics.resource,
      scopeMetrics: metrics.scopeMetrics.flatMap(({ scope, metrics }) => {
        const converted = metrics
          .map((metric) => this.#convert(metric))
          .filter(({ dataPoints }) => dataPoints.length > 0)
        return converted.length > 0 ? [{ scope, metrics: converted }] : []
      }),
    }
  }

  #convert(metric: MetricData): MetricData {
    if (metric.dataPointType !== DataPointType.SUM || !metric.isMonotonic) return metric
    const dataPoints: DeltaPoint[] = []
    for (const point of metric.dataPoints as ObservedPoint[]) {
      const delta = this.#delta(metric.descriptor.name, point)
      if (delta !== undefined) dataPoints.push(delta)
    }
    return { ...metric, aggregationTemporality: AggregationTemporality.DELTA, dataPoints }
  }

  /** Undefined where there is no interval since the receiver last took the counter, or none that is known. */
  #delta(name: string, point: ObservedPoint): DeltaPoint | undefined {
    const { startTime, endTime, value } = point
    const slot = this.#slot(name, point)
    const last = slot.taken
    const accept = () => {
      slot.taken = { value, time: endTime, start: startTime }
    }
    if (last === undefined && compareTimes(startTime, this.#since) < 0) {
      accept()
      return undefined
    }
    // A start that has moved has moved with the clock, and so have all times.
    const since = last === undefined ? startTime : shiftTime(last.time, last.start, startTime)
    if (compareTimes(since, endTime) >= 0) return undefined
    // One that falls has begun anew without saying when.
    const isRise = last !== undefined && last.value <= value
    const increase = isRise ? value - last.value : value
    return { ...point, startTime: since, value: increase, accept }
  }

  #slot(name: string, { attributes, startTime, series }: ObservedPoint): Slot {
    if (series === undefined) {
      const sorted = Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1))
      const key = JSON.stringify([name, startTime, sorted])
      const slot = this.#others.get(key) ?? { taken: undefined }
      this.#others.set(key, slot)
      return slot
    }
    const byName = this.#series.get(series) ?? new Map<string, Slot>()
    this.#series.set(series, byName)
    const slot = byName.get(name) ?? { taken: undefined }
    byName.set(name, slot)
    return slot
  }
}
