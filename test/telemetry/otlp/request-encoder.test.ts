import { fileURLToPath } from 'node:url'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { emptyResource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
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
        // The second time, the requests are divided by what the first time has taught.
        for (const _ of ['first', 'second']) {
          const requests = [...encoder.encode(metrics, skip)]
          for (const { bytes, points } of requests) {
            t.true(points === 1 || bytes.length <= limit)
            t.is(pointsOf([decode(bytes)]).length, points)
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

test('a push that fits is one request', (t) => {
  const metrics = metricsOf([[Array(1000).fill(100)]])
  const [request, ...more] = new RequestEncoder(3 * 1024 * 1024).encode(metrics)
  t.is(request.points, countPoints(metrics))
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
