/**
 * Delta temporality: what was added since the receiver last took it. A push that fails leaves the next one to carry both,
 * so nothing is lost. What a receiver took though its answer got lost comes twice; OTLP has no remedy for that.
 */
import type { Attributes, HrTime } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'

/** What the receiver knows of a series. */
interface Taken {
  value: number
  time: HrTime
  /** Since when the counter counts. */
  start: HrTime
}

/** A point that is to be told when the receiver has taken it. */
export interface DeltaPoint extends DataPoint<number> {
  readonly accept: () => void
}

export class Deltas {
  /** By the attributes of the series, which live as long as it does, and the name of the metric. */
  readonly #taken = new WeakMap<Attributes, Map<string, Taken>>()

  /** Counters as deltas; all else as it is. */
  convert(metrics: ResourceMetrics): ResourceMetrics {
    return {
      resource: metrics.resource,
      scopeMetrics: metrics.scopeMetrics.map(({ scope, metrics }) => ({
        scope,
        metrics: metrics.map((metric) => this.#convert(metric)),
      })),
    }
  }

  #convert(metric: MetricData): MetricData {
    if (metric.dataPointType !== DataPointType.SUM || !metric.isMonotonic) return metric
    return {
      ...metric,
      aggregationTemporality: AggregationTemporality.DELTA,
      dataPoints: metric.dataPoints.map((point) => this.#delta(metric.descriptor.name, point)),
    }
  }

  #delta(name: string, { attributes, startTime, endTime, value }: DataPoint<number>): DeltaPoint {
    const all = this.#taken.get(attributes) ?? new Map<string, Taken>()
    this.#taken.set(attributes, all)
    const last = all.get(name)
    // Another start is another counter; one that falls has begun anew without saying when.
    const isSame = last !== undefined && isEqual(last.start, startTime)
    return {
      attributes,
      startTime: isSame ? last.time : startTime,
      endTime,
      value: isSame && last.value <= value ? value - last.value : value,
      accept: () => all.set(name, { value, time: endTime, start: startTime }),
    }
  }
}

function isEqual(one: HrTime, other: HrTime): boolean {
  return one === other || (one[0] === other[0] && one[1] === other[1])
}
