/**
 * The parts of an OTLP metrics request that are equal from push to push, encoded once:
 * opentelemetry/proto/metrics/v1/metrics.proto.
 */
import type { Attributes, HrTime } from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { encodeAttributes } from './attributes.ts'
import { messageField, textField } from './protobuf.ts'

/** A metric without its points. */
export interface MetricFrame {
  /** Name, description and unit. */
  readonly head: Buffer
  /** Tag of the field that holds the points: gauge or sum. */
  readonly dataTag: number
  /** What follows the points in that field. */
  readonly tail: Buffer
}

// Tags of Resource, InstrumentationScope, Metric, Sum and NumberDataPoint.
const RESOURCE = 0x0a
const RESOURCE_ATTRIBUTES = 0x0a
const SCOPE = 0x0a
const SCOPE_NAME = 0x0a
const SCOPE_VERSION = 0x12
const NAME = 0x0a
const DESCRIPTION = 0x12
const UNIT = 0x1a
const GAUGE = 0x2a
const SUM = 0x3a
const TEMPORALITY = 0x10
const MONOTONIC = 0x18
const POINT_ATTRIBUTES = 0x3a

const DELTA = 1
const CUMULATIVE = 2
const NOTHING = Buffer.alloc(0)

export class Messages {
  readonly #resources = new WeakMap<object, Buffer>()
  readonly #scopes = new WeakMap<InstrumentationScope, Buffer>()
  readonly #heads = new WeakMap<MetricData['descriptor'], Buffer>()
  readonly #attributes = new WeakMap<Attributes, Buffer>()
  readonly #tails = new Map<string, Buffer>()
  readonly #times = new WeakMap<HrTime, Buffer>()

  /** The resource as a field of ResourceMetrics. */
  resource(resource: ResourceMetrics['resource']): Buffer {
    return cached(this.#resources, resource, () =>
      messageField(
        RESOURCE,
        encodeAttributes(resource.attributes as Attributes, RESOURCE_ATTRIBUTES),
      ),
    )
  }

  /** The scope as a field of ScopeMetrics. */
  scope(scope: InstrumentationScope): Buffer {
    return cached(this.#scopes, scope, () =>
      messageField(
        SCOPE,
        Buffer.concat([text(SCOPE_NAME, scope.name), text(SCOPE_VERSION, scope.version ?? '')]),
      ),
    )
  }

  metric(metric: MetricData): MetricFrame {
    const { descriptor, dataPointType, aggregationTemporality } = metric
    const head = cached(this.#heads, descriptor, () =>
      Buffer.concat([
        text(NAME, descriptor.name),
        text(DESCRIPTION, descriptor.description),
        text(UNIT, descriptor.unit),
      ]),
    )
    if (dataPointType === DataPointType.GAUGE) return { head, dataTag: GAUGE, tail: NOTHING }
    if (dataPointType !== DataPointType.SUM) {
      throw new TypeError(`${descriptor.name} is neither a gauge nor a sum`)
    }
    const isDelta = aggregationTemporality === AggregationTemporality.DELTA
    return { head, dataTag: SUM, tail: this.#tail(isDelta, metric.isMonotonic) }
  }

  /** The attributes of a point as fields of NumberDataPoint. */
  attributes(attributes: Attributes): Buffer {
    let encoded = this.#attributes.get(attributes)
    if (encoded === undefined) {
      encoded = encodeAttributes(attributes, POINT_ATTRIBUTES)
      this.#attributes.set(attributes, encoded)
    }
    return encoded
  }

  /** Nanoseconds since the epoch, in eight bytes. */
  time(time: HrTime): Buffer {
    let bytes = this.#times.get(time)
    if (bytes === undefined) {
      bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt(time[0]) * 1_000_000_000n + BigInt(time[1]))
      this.#times.set(time, bytes)
    }
    return bytes
  }

  #tail(isDelta: boolean, isMonotonic: boolean): Buffer {
    const key = `${isDelta} ${isMonotonic}`
    const tail =
      this.#tails.get(key) ??
      Buffer.from([
        TEMPORALITY,
        isDelta ? DELTA : CUMULATIVE,
        ...(isMonotonic ? [MONOTONIC, 1] : []),
      ])
    this.#tails.set(key, tail)
    return tail
  }
}

function cached<K extends object>(cache: WeakMap<K, Buffer>, key: K, make: () => Buffer): Buffer {
  const known = cache.get(key)
  if (known !== undefined) return known
  const made = make()
  cache.set(key, made)
  return made
}

/** Empty text is left out, as everywhere in protobuf. */
function text(tag: number, value: string): Buffer {
  return value === '' ? NOTHING : textField(tag, value)
}
