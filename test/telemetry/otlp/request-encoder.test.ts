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
import { countPoints, RequestEncoder } from '../../../src/telemetry/otlp/request-encoder.ts'
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

test('requests are within the limit and have every point once, in order', (t) => {
  const decode = decoder()
  fc.assert(
    fc.property(
      SHAPES,
      fc.integer({ min: 100, max: 20_000 }),
      fc.nat(100),
      (shape, limit, skip) => {
        const metrics = metricsOf(shape)
        const encoder = new RequestEncoder(limit)
        const expected = shape
          .flatMap((metrics, scope) =>
            metrics.flatMap((lengths, metric) => lengths.map(() => `${scope}.${metric}`)),
          )
          .map((name, value) => ({ name, value }))
          .slice(skip)
        // The second time, parts are encoded already.
        for (const _ of ['first', 'second']) {
          const requests = [...encoder.encode([metrics], skip)]
          for (const { bytes, points } of requests) {
            t.true(points.length === 1 || bytes.length <= limit)
            t.is(pointsOf([decode(bytes)]).length, points.length)
          }
          const arrived = pointsOf(requests.map(({ bytes }) => decode(bytes))).map(
            ({ metric: { name }, point }) => ({ name, value: pointValue(point) }),
          )
          t.deepEqual(arrived, expected)
        }
      },
    ),
    { numRuns: 50 },
  )
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

/** The official one writes also that nothing was dropped. */
function withoutCounts(request: ReceivedRequest): ReceivedRequest {
  for (const { resource } of request.resourceMetrics) {
    Reflect.deleteProperty(resource, 'droppedAttributesCount')
  }
  return request
}

test('any metrics are encoded as the official serializer has them', (t) => {
  const decode = decoder()
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
        const [ours, ...more] = new RequestEncoder(2 ** 26).encode([whole])
        t.is(more.length, 0)
        const official = ProtobufMetricsSerializer.serializeRequest(whole) as Uint8Array
        t.deepEqual(decode(ours.bytes), withoutCounts(decode(official)))
      },
    ),
    { numRuns: 300 },
  )
})

test('a push that fits is one request', (t) => {
  const metrics = metricsOf([[Array(1000).fill(100)]])
  const [request, ...more] = new RequestEncoder(3 * 1024 * 1024).encode([metrics])
  t.is(request.points.length, countPoints([metrics]))
  t.deepEqual(more, [])
})

test('the limit is halved down to 64 KiB', (t) => {
  const encoder = new RequestEncoder(200 * 1024)
  const limits: number[] = []
  while (encoder.halveLimit()) limits.push(encoder.limit)
  t.deepEqual(limits, [100 * 1024, 64 * 1024])
})

function decoder(): (bytes: Uint8Array) => ReceivedRequest {
  const root = fileURLToPath(new URL('../../fixtures/opentelemetry-proto', import.meta.url))
  const file = 'opentelemetry/proto/collector/metrics/v1/metrics_service.proto'
  const definition = loadSync(file, { includeDirs: [root], longs: String, arrays: true })
  const name = 'opentelemetry.proto.collector.metrics.v1.MetricsService'
  const { Export } = definition[name] as ServiceDefinition
  return (bytes) => Export.requestDeserialize(Buffer.from(bytes)) as ReceivedRequest
}
