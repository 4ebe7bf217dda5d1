/**
 * Divides metrics into requests of a bounded size. `ProtobufMetricsSerializer` encodes one Resource at a time; a
 * request is filled with Resources up to the limit. An OTLP request is a repeated field: encoded requests that
 * stand one behind the other are one request.
 */
import { ValueType } from '@opentelemetry/api'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type { DataPoint, MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics'

/** A Resource with points that go into one request. */
interface Part {
  readonly metrics: ResourceMetrics
  readonly points: number
  /** An ExportMetricsServiceRequest in protobuf. */
  readonly bytes: Uint8Array
}

/** One request to the receiver, encoded. */
export interface ExportRequest {
  /** Each of another Resource, so that metrics of one Resource are one request each. */
  readonly parts: readonly Part[]
  /** Points of all parts. */
  readonly points: number
  /** Bytes of all parts. */
  readonly size: number
}

/** The largest request in bytes, which is halved when the receiver refuses it because of its size. */
export class RequestLimit {
  /** A receiver that takes less than this is not worth dividing for. */
  static readonly LEAST = 64 * 1024
  #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * @param size of the request that was refused.
   * @returns false when the limit is small enough already.
   */
  halve(size: number): boolean {
    if (this.#bytes <= RequestLimit.LEAST) return false
    this.#bytes = Math.max(RequestLimit.LEAST, Math.floor(Math.min(this.#bytes, size) / 2))
    return true
  }
}

/** The requests of one delivery, in order. Each is encoded when it is asked for. */
export class Requests {
  readonly #limit: RequestLimit
  /** What is still to be sent; the next Resource last. */
  readonly #left: ResourceMetrics[]
  /** Encoded, but too large to be in the request before. */
  #next: Part | undefined

  constructor(resources: readonly ResourceMetrics[], limit: RequestLimit) {
    this.#left = resources.map(writable).reverse()
    this.#limit = limit
  }

  /** The next request, or undefined when there is none. It is within the limit, unless it is a single point. */
  next(): ExportRequest | undefined {
    const parts: Part[] = []
    let size = 0
    let points = 0
    for (;;) {
      const part = this.#take()
      if (part === undefined) break
      const isSame = parts.at(-1)?.metrics.resource === part.metrics.resource
      if (isSame || (parts.length > 0 && size + part.bytes.length > this.#limit.bytes)) {
        this.#next = part
        break
      }
      parts.push(part)
      size += part.bytes.length
      points += part.points
    }
    return parts.length === 0 ? undefined : { parts, points, size }
  }

  /** The request was refused: its points are in the next requests again, within the limit as it is then. */
  putBack({ parts }: ExportRequest): void {
    if (this.#next !== undefined) this.#left.push(this.#next.metrics)
    this.#next = undefined
    for (const { metrics } of parts.toReversed()) this.#left.push(metrics)
  }

  /** The next Resource, or as much of it as is within the limit. */
  #take(): Part | undefined {
    const encoded = this.#next
    this.#next = undefined
    if (encoded !== undefined) return encoded
    for (;;) {
      const metrics = this.#left.pop()
      if (metrics === undefined) return undefined
      const bytes = ProtobufMetricsSerializer.serializeRequest(metrics) as Uint8Array
      const points = countPoints([metrics])
      if (points === 0) continue
      if (bytes.length <= this.#limit.bytes || points === 1) return { metrics, points, bytes }
      const pieces = Math.min(points, Math.ceil((bytes.length * MARGIN) / this.#limit.bytes))
      this.#left.push(...divide(metrics, Math.ceil(points / Math.max(2, pieces))).toReversed())
    }
  }
}

/** Points differ in size: pieces that are made a little smaller than the limit are seldom divided again. */
const MARGIN = 1.1

/** All points of a request, in order. */
export function* pointsOf({ parts }: ExportRequest): Generator<DataPoint<number>> {
  for (const { metrics } of parts) {
    for (const { metrics: all } of metrics.scopeMetrics) {
      for (const { dataPoints } of all) yield* dataPoints as DataPoint<number>[]
    }
  }
}

/** The number of data points below all Resources. */
export function countPoints(resources: readonly ResourceMetrics[]): number {
  let count = 0
  for (const { scopeMetrics } of resources) {
    for (const { metrics } of scopeMetrics) {
      for (const { dataPoints } of metrics) count += dataPoints.length
    }
  }
  return count
}

/** The metrics in pieces of so many points; the last one has what is left. */
function divide({ resource, scopeMetrics }: ResourceMetrics, size: number): ResourceMetrics[] {
  const pieces: ResourceMetrics[] = []
  let room = 0
  for (const { scope, metrics } of scopeMetrics) {
    for (const metric of metrics) {
      for (let start = 0; start < metric.dataPoints.length; ) {
        if (room === 0) {
          pieces.push({ resource, scopeMetrics: [] })
          room = size
        }
        const { scopeMetrics: scopes } = pieces.at(-1) as ResourceMetrics
        if (scopes.at(-1)?.scope !== scope) scopes.push({ scope, metrics: [] })
        const dataPoints = metric.dataPoints.slice(start, start + room)
        scopes.at(-1)?.metrics.push({ ...metric, dataPoints } as MetricData)
        start += dataPoints.length
        room -= dataPoints.length
      }
    }
  }
  return pieces
}

/** The serializer writes integers without a look at them; what is none, or beyond 64 bits, is written as a double. */
function writable(resource: ResourceMetrics): ResourceMetrics {
  if (resource.scopeMetrics.every(({ metrics }) => metrics.every(isWritable))) return resource
  return {
    ...resource,
    scopeMetrics: resource.scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.map((metric) =>
        isWritable(metric)
          ? metric
          : { ...metric, descriptor: { ...metric.descriptor, valueType: ValueType.DOUBLE } },
      ),
    })),
  }
}

function isWritable({ descriptor, dataPoints }: MetricData): boolean {
  if (descriptor.valueType !== ValueType.INT) return true
  return (dataPoints as DataPoint<number>[]).every(
    ({ value }) => Number.isInteger(value) && Math.abs(value) < MAX_INTEGER,
  )
}

const MAX_INTEGER = 2 ** 63
