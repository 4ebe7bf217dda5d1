/** Encodes metrics as OTLP requests of a bounded size. */
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type {
  DataPoint,
  MetricData,
  ResourceMetrics,
  ScopeMetrics,
} from '@opentelemetry/sdk-metrics'

export interface EncodedRequest {
  /** An ExportMetricsServiceRequest in protobuf. */
  readonly bytes: Uint8Array
  /** Data points in it. */
  readonly points: number
}

/** A receiver that takes less than this is not worth dividing for. */
const LEAST_LIMIT = 64 * 1024
/** How far a request may be from the average before it is too large. */
const MARGIN = 0.9

export class RequestEncoder {
  #limit: number
  /** As the last requests had it; it tells into how many the next push will be divided. */
  #bytesPerPoint = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The largest request, in bytes. */
  get limit(): number {
    return this.#limit
  }

  /** Halves the limit, for the receiver refused a request of it; false when it is small enough already. */
  halveLimit(): boolean {
    if (this.#limit <= LEAST_LIMIT) return false
    this.#limit = Math.max(LEAST_LIMIT, Math.floor(this.#limit / 2))
    return true
  }

  /**
   * Requests that together have every point once. None is larger than the limit, unless a single point is.
   *
   * @param skip points at the beginning that are left out.
   */
  *encode(metrics: ResourceMetrics, skip = 0): Generator<EncodedRequest> {
    const total = countPoints(metrics) - skip
    if (total <= 0) return
    const pieces = Math.ceil((total * this.#bytesPerPoint) / (this.#limit * MARGIN))
    for (const part of divide(metrics, Math.ceil(total / Math.max(1, pieces)), skip)) {
      yield* this.#encodePart(part)
    }
  }

  *#encodePart(part: ResourceMetrics): Generator<EncodedRequest> {
    const bytes = ProtobufMetricsSerializer.serializeRequest(part)
    if (bytes === undefined) throw new Error('the metrics could not be encoded')
    const points = countPoints(part)
    this.#bytesPerPoint = bytes.length / points
    if (bytes.length <= this.#limit || points === 1) {
      yield { bytes, points }
      return
    }
    const pieces = Math.ceil(bytes.length / (this.#limit * MARGIN))
    for (const smaller of divide(part, Math.ceil(points / pieces))) yield* this.#encodePart(smaller)
  }
}

export function countPoints({ scopeMetrics }: ResourceMetrics): number {
  let count = 0
  for (const { metrics } of scopeMetrics) {
    for (const { dataPoints } of metrics) count += dataPoints.length
  }
  return count
}

/** Parts of at most `most` points each, in the order of the whole, without its first `skip` points. */
function* divide(whole: ResourceMetrics, most: number, skip = 0): Generator<ResourceMetrics> {
  const part = () => ({ resource: whole.resource, scopeMetrics })
  let scopeMetrics: ScopeMetrics[] = []
  let room = most
  for (const { scope, metrics } of whole.scopeMetrics) {
    let kept: MetricData[] = []
    for (const metric of metrics) {
      let from = Math.min(skip, metric.dataPoints.length)
      skip -= from
      while (from < metric.dataPoints.length) {
        const points = metric.dataPoints.slice(from, from + room) as DataPoint<number>[]
        kept.push({ ...metric, dataPoints: points } as MetricData)
        from += points.length
        room -= points.length
        if (room > 0) continue
        scopeMetrics.push({ scope, metrics: kept })
        yield part()
        scopeMetrics = []
        kept = []
        room = most
      }
    }
    if (kept.length > 0) scopeMetrics.push({ scope, metrics: kept })
  }
  if (scopeMetrics.length > 0) yield part()
}
