import { fileURLToPath } from 'node:url'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { type AttributeValue, ValueType } from '@opentelemetry/api'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { emptyResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import test from 'ava'
import fc from 'fast-check'
import {
  countPoints,
  type ExportRequest,
  RequestLimit,
  Requests,
} from '../../../src/telemetry/otlp/requests.ts'
import { REQUEST_SERIALIZER } from '../../../src/telemetry/otlp/transport.ts'
import { pointsOf, pointValue, type ReceivedRequest } from '../../support/receiver.ts'

/** Scopes of metrics of points, each point being the length of its attribute. */
const SHAPES = fc.array(fc.array(fc.array(fc.nat(2000), { maxLength: 40 }), { maxLength: 5 }), {
  maxLength: 3,
})

function metricsOf(shape: number[][][]): ResourceMetrics {
  let value = 0
  return {
    resource: emptyResource(),
    scopeMetrics: shape.map((metrics, scope) => ({
      scope: { name: `scope${scope}` },
      metrics: metrics.map((lengths, metric) => ({
        descriptor: { name: `${scope}.${metric}`, description: '', unit: '1', valueType: 1 },
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
        dataPointType: DataPointType.GAUGE as const,
        dataPoints: lengths.map((length) => ({
          startTime: [1, 0],
          endTime: [2, 0],
          attributes: { filler: 'x'.repeat(length) },
          value: value++,
        })),
      })),
    })),
  }
}

/** All requests of one or more Resources. */
function requestsOf(resources: ResourceMetrics[], limit: number): ExportRequest[] {
  const requests = new Requests(resources, new RequestLimit(limit))
  const all: ExportRequest[] = []
  for (let next = requests.next(); next !== undefined; next = requests.next()) all.push(next)
  return all
}

function bytesOf(request: ExportRequest): Uint8Array {
  return REQUEST_SERIALIZER.serializeRequest(request) as Uint8Array
}

test('requests are within the limit and have every point once, in order', (t) => {
  const decode = decoder()
  fc.assert(
    fc.property(
      fc.array(SHAPES, { maxLength: 5 }),
      fc.integer({ min: 100, max: 20_000 }),
      fc.array(fc.boolean()),
      (shapes, limit, refusals) => {
        const resources = shapes.map(metricsOf)
        const expected = pointsOf(
          resources.map((one) => decode(ProtobufMetricsSerializer.serializeRequest(one) as Buffer)),
        ).map(shown)
        const requests = new Requests(resources, new RequestLimit(limit))
        const arrived: unknown[] = []
        for (let next = requests.next(); next !== undefined; next = requests.next()) {
          const bytes = bytesOf(next)
          t.true(next.points === 1 || bytes.length <= limit)
          const points = pointsOf([decode(bytes)])
          t.is(points.length, next.points)
          t.is(new Set(next.parts.map(({ metrics }) => metrics.resource)).size, next.parts.length)
          if (refusals.pop()) requests.putBack(next)
          else arrived.push(...points.map(shown))
        }
        t.deepEqual(arrived, expected)
      },
    ),
    { numRuns: 100 },
  )
})

function shown({ metric: { name }, point }: ReturnType<typeof pointsOf>[number]) {
  return { name, value: pointValue(point) }
}

test('what is put back is divided by the limit as it is then', (t) => {
  const limit = new RequestLimit(1024 * 1024)
  const requests = new Requests([metricsOf([[Array(3000).fill(200)]])], limit)
  const first = requests.next() as ExportRequest
  t.is(first.points, 3000)
  while (limit.halve(limit.bytes));
  requests.putBack(first)
  const sizes: number[] = []
  for (let next = requests.next(); next !== undefined; next = requests.next()) {
    sizes.push(bytesOf(next).length)
  }
  t.true(sizes.length > 10)
  t.true(Math.max(...sizes) <= RequestLimit.LEAST)
})

test('Resources fill a request up to its limit', (t) => {
  const resources = Array.from({ length: 100 }, () => metricsOf([[Array(10).fill(1000)]]))
  const sizes = requestsOf(resources, 100_000).map((request) => bytesOf(request).length)
  t.true(Math.min(...sizes.slice(0, -1)) > 85_000)
})

const VALUE: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.array(fc.string(), { maxLength: 3 }),
)
const ATTRIBUTES = fc.dictionary(fc.string({ minLength: 1, maxLength: 300 }), VALUE, { maxKeys: 6 })
const NUMBER = fc.oneof(fc.maxSafeInteger(), fc.double({ min: -(2 ** 62), max: 2 ** 62 }))
const TIME = fc.tuple(fc.nat(2 ** 31), fc.nat(999_999_999))
const METRIC = fc.record({
  name: fc.string({ minLength: 1 }),
  description: fc.string(),
  unit: fc.string(),
  valueType: fc.constantFrom(ValueType.INT, ValueType.DOUBLE),
  type: fc.constantFrom('gauge', 'sum', 'counter'),
  isDelta: fc.boolean(),
  points: fc.array(fc.tuple(ATTRIBUTES, NUMBER, TIME, TIME), { minLength: 1, maxLength: 5 }),
})

test('any metrics that fit are bytes of the official serializer', (t) => {
  fc.assert(
    fc.property(
      ATTRIBUTES,
      fc.array(METRIC, { minLength: 1, maxLength: 4 }),
      (resource, shapes) => {
        const metrics = shapes.map(
          ({ name, description, unit, valueType, type, isDelta, points }) => ({
            descriptor: { name, description, unit, valueType },
            aggregationTemporality: isDelta
              ? AggregationTemporality.DELTA
              : AggregationTemporality.CUMULATIVE,
            dataPointType: type === 'gauge' ? DataPointType.GAUGE : DataPointType.SUM,
            isMonotonic: type === 'counter',
            dataPoints: points.map(([attributes, value, startTime, endTime]) => ({
              attributes,
              value: valueType === ValueType.INT ? Math.round(value) || 0 : value,
              startTime,
              endTime,
            })),
          }),
        ) as MetricData[]
        const whole = {
          resource: resourceFromAttributes(resource),
          scopeMetrics: [{ scope: { name: 'scope', version: '1.2' }, metrics }],
        }
        const [ours, ...more] = requestsOf([whole], 2 ** 26)
        t.is(more.length, 0)
        const official = ProtobufMetricsSerializer.serializeRequest(whole) as Uint8Array
        t.deepEqual(Buffer.from(bytesOf(ours)), Buffer.from(official))
      },
    ),
    { numRuns: 300 },
  )
})

test('a push that fits is one request', (t) => {
  const metrics = metricsOf([[Array(1000).fill(100)]])
  const [request, ...more] = requestsOf([metrics], 3 * 1024 * 1024)
  t.is(request.points, countPoints([metrics]))
  t.deepEqual(more, [])
})

test('integers that are none, or beyond 64 bits, arrive as they are', (t) => {
  const decode = decoder()
  for (const value of [2.5, 2 ** 63, 2 ** 64, Number.NaN]) {
    const metrics = metricsOf([[[1]]])
    const [metric] = metrics.scopeMetrics[0].metrics
    Object.assign(metric.descriptor, { valueType: ValueType.INT })
    Object.assign(metric.dataPoints[0], { value })
    const [request] = requestsOf([metrics], 2 ** 20)
    t.is(pointsOf([decode(bytesOf(request))])[0].point.asDouble, value)
  }
})

test('the limit is halved down to 64 KiB', (t) => {
  const limit = new RequestLimit(200 * 1024)
  const limits: number[] = []
  while (limit.halve(2 ** 20)) limits.push(limit.bytes)
  t.deepEqual(limits, [100 * 1024, 64 * 1024])
  const other = new RequestLimit(2 ** 22)
  other.halve(200 * 1024)
  t.is(other.bytes, 100 * 1024)
})

function decoder(): (bytes: Uint8Array) => ReceivedRequest {
  const root = fileURLToPath(new URL('../../fixtures/opentelemetry-proto', import.meta.url))
  const file = 'opentelemetry/proto/collector/metrics/v1/metrics_service.proto'
  const definition = loadSync(file, { includeDirs: [root], longs: String, arrays: true })
  const name = 'opentelemetry.proto.collector.metrics.v1.MetricsService'
  const { Export } = definition[name] as ServiceDefinition
  return (bytes) => Export.requestDeserialize(Buffer.from(bytes)) as ReceivedRequest
}
