/** Puts points into an OTLP metrics request, as long as it stays below a size. */
import { ValueType } from '@opentelemetry/api'
import type {
  DataPoint,
  MetricData,
  ResourceMetrics,
  ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import type { Messages, MetricFrame } from './messages.ts'
import { fieldSize, ProtobufWriter } from './protobuf.ts'

type NumberPoint = DataPoint<number>

interface MetricPart {
  readonly metric: MetricData
  readonly frame: MetricFrame
  readonly points: NumberPoint[]
  /** Their attributes. */
  readonly encoded: Buffer[]
  /** Bytes of the points as fields. */
  size: number
}

interface ScopePart {
  readonly scope: ScopeMetrics
  readonly head: Buffer
  readonly metrics: MetricPart[]
}

interface ResourcePart {
  readonly resource: ResourceMetrics
  readonly head: Buffer
  readonly scopes: ScopePart[]
}

// Tags of repeated fields, from the request down to the point.
const RESOURCE_METRICS = 0x0a
const SCOPE_METRICS = 0x12
const METRICS = 0x12
const DATA_POINTS = 0x0a
// Tags of NumberDataPoint.
const START_TIME = 0x11
const TIME = 0x19
const AS_DOUBLE = 0x21
const AS_INT = 0x31
/** What does not fit into a signed 64-bit number is a double. */
const MOST_INTEGER = 2 ** 63
/** Both times and the value, with their tags. */
const POINT_NUMBERS = 27
/** The most that the head of a message takes. */
const HEAD = 6

export class RequestBuilder {
  /** Points that were put in. */
  count = 0
  readonly #messages: Messages
  readonly #limit: number
  #resources: ResourcePart[] = []
  /** At most so many bytes so far. */
  #size = 0
  #resource: ResourcePart | undefined
  #scope: ScopePart | undefined
  #metric: MetricPart | undefined

  /** @param limit bytes that a request may have. */
  constructor(messages: Messages, limit: number) {
    this.#messages = messages
    this.#limit = limit
  }

  /**
   * Puts a point in, unless the request would become too large; a first point always fits.
   *
   * @returns whether it is in.
   */
  add(
    resource: ResourceMetrics,
    scope: ScopeMetrics,
    metric: MetricData,
    point: NumberPoint,
  ): boolean {
    const encoded = this.#messages.attributes(point.attributes)
    const size = fieldSize(POINT_NUMBERS + encoded.length)
    let total = this.#size + size
    if (
      this.#metric?.metric !== metric ||
      this.#scope?.scope !== scope ||
      this.#resource?.resource !== resource
    ) {
      total += this.#headSize(resource, scope, metric)
    }
    if (this.count > 0 && total > this.#limit) return false
    const part = this.#part(resource, scope, metric)
    part.points.push(point)
    part.encoded.push(encoded)
    part.size += size
    this.#size = total
    this.count++
    return true
  }

  /** The request, and the points in it; a new one is begun. */
  finish(): { bytes: Uint8Array; points: NumberPoint[] } {
    const resources = this.#resources
    const size = resources.reduce((sum, resource) => sum + fieldSize(resourceSize(resource)), 0)
    const writer = new ProtobufWriter(size)
    for (const resource of resources) this.#writeResource(writer, resource)
    const points: NumberPoint[] = []
    for (const { scopes } of resources) {
      for (const { metrics } of scopes) {
        for (const metric of metrics) for (const point of metric.points) points.push(point)
      }
    }
    this.count = 0
    this.#size = 0
    this.#resources = []
    this.#resource = undefined
    this.#scope = undefined
    this.#metric = undefined
    return { bytes: writer.bytes, points }
  }

  #headSize(resource: ResourceMetrics, scope: ScopeMetrics, metric: MetricData): number {
    const { head, tail } = this.#messages.metric(metric)
    let size = head.length + tail.length + 2 * HEAD
    const isSameResource = this.#resource?.resource === resource
    if (!isSameResource) size += HEAD + this.#messages.resource(resource.resource).length
    if (!isSameResource || this.#scope?.scope !== scope) {
      size += HEAD + this.#messages.scope(scope.scope).length
    }
    return size
  }

  #part(resource: ResourceMetrics, scope: ScopeMetrics, metric: MetricData): MetricPart {
    if (this.#resource?.resource !== resource) {
      this.#resource = { resource, head: this.#messages.resource(resource.resource), scopes: [] }
      this.#resources.push(this.#resource)
      this.#scope = undefined
    }
    if (this.#scope?.scope !== scope) {
      this.#scope = { scope, head: this.#messages.scope(scope.scope), metrics: [] }
      this.#resource.scopes.push(this.#scope)
      this.#metric = undefined
    }
    if (this.#metric?.metric !== metric) {
      this.#metric = {
        metric,
        frame: this.#messages.metric(metric),
        points: [],
        encoded: [],
        size: 0,
      }
      this.#scope.metrics.push(this.#metric)
    }
    return this.#metric
  }

  #writeResource(writer: ProtobufWriter, resource: ResourcePart): void {
    writer.open(RESOURCE_METRICS, resourceSize(resource))
    writer.raw(resource.head)
    for (const scope of resource.scopes) {
      writer.open(SCOPE_METRICS, scopeSize(scope))
      writer.raw(scope.head)
      for (const metric of scope.metrics) this.#writeMetric(writer, metric)
    }
  }

  #writeMetric(writer: ProtobufWriter, part: MetricPart): void {
    const { head, dataTag, tail } = part.frame
    writer.open(METRICS, metricSize(part))
    writer.raw(head)
    writer.open(dataTag, part.size + tail.length)
    const isInteger = part.metric.descriptor.valueType === ValueType.INT
    for (let index = 0; index < part.points.length; index++) {
      this.#writePoint(writer, part.points[index], part.encoded[index], isInteger)
    }
    writer.raw(tail)
  }

  #writePoint(
    writer: ProtobufWriter,
    { startTime, endTime, value }: NumberPoint,
    encoded: Buffer,
    isInteger: boolean,
  ): void {
    writer.open(DATA_POINTS, POINT_NUMBERS + encoded.length)
    writer.byte(START_TIME)
    writer.raw(this.#messages.time(startTime))
    writer.byte(TIME)
    writer.raw(this.#messages.time(endTime))
    if (isInteger && Number.isInteger(value) && Math.abs(value) < MOST_INTEGER) {
      writer.byte(AS_INT)
      writer.fixed64(value)
    } else {
      writer.byte(AS_DOUBLE)
      writer.double(value)
    }
    writer.raw(encoded)
  }
}

function resourceSize({ head, scopes }: ResourcePart): number {
  return scopes.reduce((sum, scope) => sum + fieldSize(scopeSize(scope)), head.length)
}

function scopeSize({ head, metrics }: ScopePart): number {
  return metrics.reduce((sum, metric) => sum + fieldSize(metricSize(metric)), head.length)
}

function metricSize({ frame, size }: MetricPart): number {
  return frame.head.length + fieldSize(size + frame.tail.length)
}
