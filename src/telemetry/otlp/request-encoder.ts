/** Encodes metrics as OTLP requests of a bounded size. */
import type { DataPoint, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { Messages } from './encoding/messages.ts'
import { RequestBuilder } from './encoding/request-builder.ts'

export interface EncodedRequest {
  /** An ExportMetricsServiceRequest in protobuf. */
  readonly bytes: Uint8Array
  readonly points: readonly DataPoint<number>[]
}

/** A receiver that takes less than this is not worth dividing for. */
const LEAST_LIMIT = 64 * 1024

export class RequestEncoder {
  readonly #messages = new Messages()
  #limit: number

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
   * Requests that together have every point once, in order. None is larger than the limit, unless a single point is.
   *
   * @param skip points at the beginning that are left out.
   */
  *encode(resources: readonly ResourceMetrics[], skip = 0): Generator<EncodedRequest> {
    const builder = new RequestBuilder(this.#messages, this.#limit)
    let left = skip
    for (const resource of resources) {
      for (const scope of resource.scopeMetrics) {
        for (const metric of scope.metrics) {
          for (const point of metric.dataPoints as DataPoint<number>[]) {
            if (left-- > 0) continue
            if (builder.add(resource, scope, metric, point)) continue
            yield builder.finish()
            builder.add(resource, scope, metric, point)
          }
        }
      }
    }
    if (builder.count > 0) yield builder.finish()
  }
}

export function countPoints(resources: readonly ResourceMetrics[]): number {
  let count = 0
  for (const { scopeMetrics } of resources) {
    for (const { metrics } of scopeMetrics) {
      for (const { dataPoints } of metrics) count += dataPoints.length
    }
  }
  return count
}
