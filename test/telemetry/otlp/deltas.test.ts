/** Delta temporality, with a receiver that fails now and then. */
import type { HrTime } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import test from 'ava'
import fc from 'fast-check'
import { type DeltaPoint, Deltas } from '../../../src/telemetry/otlp/deltas.ts'

const START: HrTime = [100, 0]

function metrics(
  values: readonly (readonly [attributes: object, value: number, start?: HrTime])[],
  time: number,
  type: 'counter' | 'sum' | 'gauge' = 'counter',
): ResourceMetrics {
  const dataPoints = values.map(([attributes, value, start = START]) => ({
    attributes: attributes as Record<string, string>,
    value,
    startTime: start,
    endTime: [time, 0] as HrTime,
  }))
  const common = {
    descriptor: { name: 'm', description: '', unit: '', valueType: 0 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints,
  }
  const metric =
    type === 'gauge'
      ? { ...common, dataPointType: DataPointType.GAUGE as const }
      : { ...common, dataPointType: DataPointType.SUM as const, isMonotonic: type === 'counter' }
  return { resource: emptyResource(), scopeMetrics: [{ scope: { name: 's' }, metrics: [metric] }] }
}

const pointsOf = ({ scopeMetrics }: ResourceMetrics) =>
  scopeMetrics[0].metrics[0].dataPoints as DataPoint<number>[]
const accept = (points: readonly DataPoint<number>[]) => {
  for (const point of points) (point as DeltaPoint).accept()
}

test('what was taken adds up to the counter, over whatever failures, and intervals abut', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(100), fc.nat(100), fc.boolean()), { minLength: 1, maxLength: 30 }),
      (rounds) => {
        const deltas = new Deltas()
        const series = [{ name: 'a' }, { name: 'b' }]
        const totals = [0, 0]
        const sums = [0, 0]
        let last = START
        for (const [index, [one, other, isTaken]] of rounds.entries()) {
          totals[0] += one
          totals[1] += other
          const time = 200 + index
          const points = pointsOf(
            deltas.convert(
              metrics(
                [
                  [series[0], totals[0]],
                  [series[1], totals[1]],
                ],
                time,
              ),
            ),
          )
          for (const point of points) {
            t.deepEqual(point.startTime, last)
            t.deepEqual(point.endTime, [time, 0])
            t.true(point.value >= 0)
          }
          if (!isTaken) continue
          accept(points)
          last = [time, 0]
          for (const [place, { value }] of points.entries()) sums[place] += value
          t.deepEqual(sums, totals)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('a counter that starts anew is a new interval', (t) => {
  const deltas = new Deltas()
  const series = { name: 'a' }
  accept(pointsOf(deltas.convert(metrics([[series, 10]], 200))))
  const [restarted] = pointsOf(deltas.convert(metrics([[series, 3, [250, 0]]], 300)))
  t.like(restarted, { value: 3, startTime: [250, 0] })
  const [fallen] = pointsOf(deltas.convert(metrics([[series, 4]], 300)))
  t.like(fallen, { value: 4, startTime: [200, 0] })
})

test('the same series is known by what it is, not by which object says it', (t) => {
  const deltas = new Deltas()
  accept(pointsOf(deltas.convert(metrics([[{ a: '1', b: '2' }, 10]], 200))))
  const [next] = pointsOf(deltas.convert(metrics([[{ b: '2', a: '1' }, 12]], 300)))
  t.like(next, { value: 2, startTime: [200, 0] })
})

test('what was counted before the agent started is left out, what started later is not', (t) => {
  const deltas = new Deltas([150, 0])
  const [older, younger] = [{ name: 'older' }, { name: 'younger' }]
  const push = (time: number, value: number) =>
    pointsOf(
      deltas.convert(
        metrics(
          [
            [older, value],
            [younger, value, [160, 0]],
          ],
          time,
        ),
      ),
    )
  const first = push(200, 1000)
  t.deepEqual(
    first.map(({ attributes, value }) => [attributes, value]),
    [[younger, 1000]],
  )
  accept(first)
  t.deepEqual(
    push(210, 1003).map(({ value, startTime }) => [value, startTime]),
    [
      [3, [200, 0]],
      [3, [200, 0]],
    ],
  )
})

test('there is no interval without width', (t) => {
  const deltas = new Deltas()
  const series = { name: 'a' }
  t.deepEqual(deltas.convert(metrics([[series, 3]], 100)).scopeMetrics, [])
  accept(pointsOf(deltas.convert(metrics([[series, 5]], 200))))
  t.deepEqual(deltas.convert(metrics([[series, 5]], 200)).scopeMetrics, [])
})

test('what is no counter stays as it is', (t) => {
  const deltas = new Deltas()
  for (const type of ['sum', 'gauge'] as const) {
    const given = metrics([[{}, 7]], 200, type)
    t.is(deltas.convert(given).scopeMetrics[0].metrics[0], given.scopeMetrics[0].metrics[0])
  }
  const [{ aggregationTemporality }] = deltas.convert(metrics([[{}, 7]], 200)).scopeMetrics[0]
    .metrics
  t.is(aggregationTemporality, AggregationTemporality.DELTA)
})
