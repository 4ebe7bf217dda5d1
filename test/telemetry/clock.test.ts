/** The agent's clock, and what becomes of starts and times when the wall clock is set. */
import type { HrTime } from '@opentelemetry/api'
import type { DataPoint } from '@opentelemetry/sdk-metrics'
import test from 'ava'
import fc from 'fast-check'
import { Clock, now } from '../../src/telemetry/clock.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { type DeltaPoint, Deltas } from '../../src/telemetry/otlp/deltas.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'
import { snapshotProducer } from '../../src/telemetry/snapshot-producer.ts'
import { compareTimes, toSeconds } from '../../src/telemetry/time.ts'

/** A clock that a test sets; both in milliseconds. */
function settable() {
  const at = { wall: 1_000_000, monotonic: 50 }
  const clock = new Clock({ wall: () => at.wall, monotonic: () => at.monotonic })
  const pass = (milliseconds: number) => {
    at.wall += milliseconds
    at.monotonic += milliseconds
  }
  return { at, clock, pass }
}

test('a wall clock that goes on its way is followed', (t) => {
  const { clock, pass, at } = settable()
  pass(1500)
  t.deepEqual(clock.now(), [1001, 500e6])
  at.wall += 3_600_000
  t.deepEqual(clock.now(), [4601, 500e6])
  const time = clock.now()
  t.is(clock.shown(time), time)
})

test('one that is set back takes all earlier times with it', (t) => {
  const { clock, pass, at } = settable()
  pass(10_000)
  const start = clock.now()
  pass(5000)
  at.wall -= 3_600_000
  const time = clock.now()
  t.is(toSeconds(clock.shown(time)), at.wall / 1000)
  t.is(toSeconds(clock.shown(time)) - toSeconds(clock.shown(start)), 5)
  t.deepEqual(clock.shown(clock.taken([7, 5])), [7, 5])
})

test('time never goes back, however the wall clock is set, and starts stay before times', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(60_000), fc.integer({ min: -7_200_000, max: 7_200_000 }))),
      (steps) => {
        const { clock, pass, at } = settable()
        const times: HrTime[] = [clock.now()]
        for (const [elapsed, step] of steps) {
          pass(elapsed)
          at.wall += step
          times.push(clock.now())
          const shown = times.map((time) => clock.shown(time))
          for (const [index, time] of shown.slice(1).entries()) {
            t.true(compareTimes(shown[index] as HrTime, time) <= 0)
          }
          // Within what is waited out, it is the time that the wall clock shows.
          const difference = toSeconds(shown.at(-1) as HrTime) - at.wall / 1000
          t.true(difference > -0.001 && difference <= 1.001 * times.length)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test.serial('a step back of an hour: no start after its time, and deltas go on', async (t) => {
  const real = Date.now
  t.teardown(() => {
    Date.now = real
  })
  const meter = new ObservableMeter({ name: 'test' }, now())
  const counter = meter.createObservableCounter('c')
  const entity = new Entity({ name: 'a' }, now())
  let value = 0
  meter.addBatchObservableCallback(
    (result) => {
      value += 10
      result.observe(counter, value, entity.series(undefined).attributes)
    },
    [counter],
  )
  const sampler = new Sampler({ meters: [meter], maxAge: 0, onRun: () => {} })
  const producer = snapshotProducer(sampler, new NameTranslation(), ['otel'], () => 60_000)
  const deltas = new Deltas()
  const push = async () => {
    const { resourceMetrics } = await producer.collect()
    const [{ metrics: cumulative }] = resourceMetrics.scopeMetrics
    const [{ metrics }] = deltas.convert(resourceMetrics).scopeMetrics
    const points = metrics[0].dataPoints as DeltaPoint[]
    for (const point of points) point.accept()
    return { cumulative: cumulative[0].dataPoints[0] as DataPoint<number>, delta: points[0] }
  }
  const elapse = () => new Promise((resolve) => setTimeout(resolve, 5))
  await elapse()
  await push()
  Date.now = () => real() - 3_600_000
  await elapse()
  const { cumulative, delta } = await push()
  for (const { startTime, endTime } of [cumulative, delta]) {
    t.true(compareTimes(startTime, endTime) < 0)
    t.true(Math.abs(toSeconds(endTime) - Date.now() / 1000) < 10)
  }
  t.is(cumulative.value, 20)
  t.is(delta.value, 10)
  t.true(toSeconds(delta.endTime) - toSeconds(delta.startTime) < 10)
})
