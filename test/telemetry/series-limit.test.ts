import test from 'ava'
import fc from 'fast-check'
import { limitSeries } from '../../src/telemetry/series-limit.ts'

function metricsOf(sizes: readonly number[]) {
  return sizes.map((size) => ({ points: Array.from({ length: size }, (_, index) => index) }))
}

test('metrics with many series give way first', (t) => {
  const metrics = metricsOf([1, 100, 4, 100])
  t.is(limitSeries(metrics, 25), 180)
  t.deepEqual(
    metrics.map(({ points }) => points.length),
    [1, 10, 4, 10],
  )
})

test('the limit is held and used, the first points stay, and nothing is cut without need', (t) => {
  const sizes = fc.array(fc.nat(50), { maxLength: 12 })
  fc.assert(
    fc.property(sizes, fc.nat(300), (given, limit) => {
      const metrics = metricsOf(given)
      const sum = given.reduce((total, size) => total + size, 0)
      const dropped = limitSeries(metrics, limit)
      const kept = metrics.reduce((total, { points }) => total + points.length, 0)
      t.is(kept + dropped, sum)
      t.true(kept <= limit || sum <= limit)
      // What is left of the limit is less than one series for each metric.
      if (dropped > 0) t.true(kept > limit - given.length)
      else t.is(kept, sum)
      for (const { points } of metrics) t.deepEqual(points, [...points.keys()])
    }),
  )
})
