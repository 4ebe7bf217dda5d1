import test from 'ava'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { type CollectorRun, Sampler } from '../../src/telemetry/sampler.ts'
import { snapshotProducer } from '../../src/telemetry/snapshot-producer.ts'
import { doAtOnce, doInSlices, TimeSlice, type Work } from '../../src/telemetry/time-slice.ts'

function sampler(maxAge: number, wait: () => Promise<void> = async () => {}) {
  const meter = new ObservableMeter({ name: 'test' }, [1, 0])
  const gauge = meter.createObservableGauge('g')
  const counts = { collections: 0 }
  const runs: CollectorRun[] = []
  const callback = async (result: { observe(observable: typeof gauge, value: number): void }) => {
    await wait()
    result.observe(gauge, ++counts.collections)
  }
  meter.addBatchObservableCallback(callback, [gauge])
  const onRun = (run: CollectorRun) => runs.push(run)
  return { sampler: new Sampler({ meters: [meter], maxAge, onRun }), counts, runs, gauge, meter }
}

test('all who ask while a collection is running get that one', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { sampler: one, counts } = sampler(0, () => gate.promise)
  const asked = [one.snapshot(), one.snapshot(), one.snapshot()]
  t.is(one.latest, undefined)
  gate.resolve()
  const snapshots = await Promise.all(asked)
  t.is(counts.collections, 1)
  t.true(snapshots.every((snapshot) => snapshot === snapshots[0]))
  t.is(one.latest, snapshots[0])
})

test('nothing is done between collections while one is under way, and collections wait for it', async (t) => {
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return 'done'
  }
  const meter = new ObservableMeter({ name: 'test' }, [1, 0])
  const gauge = meter.createObservableGauge('g')
  meter.addBatchObservableCallback(async () => void (await work()), [gauge])
  const one = new Sampler({ meters: [meter], maxAge: 0, onRun: () => {} })
  const act = one.between(work)
  const snapshot = one.snapshot()
  t.is(await one.between(work), undefined)
  t.is(await act, 'done')
  t.not(await snapshot, undefined)
  t.is(most, 1)
  await t.throwsAsync(
    one.between(() => Promise.reject(new Error('fails'))),
    { message: 'fails' },
  )
  t.is(await one.between(work), 'done')
})

test('some meters are collected for those who follow, and readers keep the last complete snapshot', async (t) => {
  const seen: string[][] = []
  const one = new Sampler({
    meters: ['first', 'second'].map((name) => new ObservableMeter({ name }, [1, 0])),
    maxAge: 0,
    onRun: () => {},
    onSnapshot: ({ scopes }) => void seen.push(scopes.map(({ scope }) => scope.name)),
  })
  const part = new Set(['second'])
  const complete = await one.snapshot()
  t.false(await one.refresh(part, 3_600_000))
  t.false(await one.refresh(new Set(['none']), 0))
  t.true(await one.refresh(part, 0))
  t.is(one.latest, complete)
  t.deepEqual(await Promise.all([one.refresh(part, 0), one.refresh(part, 3_600_000)]), [
    true,
    false,
  ])
  const [next, during] = await Promise.all([one.snapshot(), one.refresh(part, 3_600_000)])
  t.false(during)
  t.is(one.latest, next)
  t.deepEqual(seen, [['first', 'second'], ['second'], ['second'], ['first', 'second']])
})

test('a young snapshot serves again, an old one does not', async (t) => {
  const young = sampler(3_600_000)
  t.is(await young.sampler.snapshot(), await young.sampler.snapshot())
  const old = sampler(0)
  t.not(await old.sampler.snapshot(), await old.sampler.snapshot())
  t.is(old.counts.collections, 2)
})

test('a reader that shares snapshots gets none of them twice, however young it is', async (t) => {
  const { sampler: one, counts } = sampler(3_600_000)
  const times: string[] = []
  const pushes = snapshotProducer(one, new NameTranslation(), ['otel'], () => 60_000)
  const push = async () => {
    const { resourceMetrics } = await pushes.collect()
    const [point] = resourceMetrics.scopeMetrics[0].metrics[0].dataPoints
    times.push(String(point.endTime))
  }
  await one.snapshot()
  for (let count = 0; count < 3; count++) await push()
  t.is(new Set(times).size, 3)
  t.is(counts.collections, 3)
  const scrapes = snapshotProducer(one, new NameTranslation(), ['otel'])
  for (let count = 0; count < 3; count++) await scrapes.collect()
  t.is(counts.collections, 3)
})

test('time rises strictly, also within one tick of the clock', async (t) => {
  const { sampler: one } = sampler(0)
  let last = 0n
  for (let round = 0; round < 50; round++) {
    const { time } = await one.snapshot()
    const nanoseconds = BigInt(time[0]) * 1_000_000_000n + BigInt(time[1])
    t.true(nanoseconds > last)
    last = nanoseconds
  }
})

test('runs tell duration, series and errors', async (t) => {
  const { sampler: one, runs, meter } = sampler(0)
  const other = meter.createObservableGauge('other')
  meter.addBatchObservableCallback(() => Promise.reject(new Error('no')), [other])
  await one.snapshot()
  t.is(runs.length, 1)
  t.like(runs[0], { name: 'test', series: 1 })
  t.is(runs[0].errors.length, 1)
  t.true(runs[0].duration >= 0)
})

test('a time slice lets others run', async (t) => {
  const slice = new TimeSlice(0)
  slice.begin()
  let hasRun = false
  setImmediate(() => {
    hasRun = true
  })
  t.true(slice.isOver())
  await slice.next()
  t.true(hasRun)
  const long = new TimeSlice(3_600_000)
  long.begin()
  t.false(long.isOver())
})

test('work in slices lets others run wherever it yields, and gives the same as at once', async (t) => {
  const work = function* (): Work<number> {
    for (let step = 0; step < 3; step++) yield
    return 7
  }
  let turns = 0
  const beat = () => {
    turns++
    if (turns < 10) setImmediate(beat)
  }
  setImmediate(beat)
  t.is(await doInSlices(work(), new TimeSlice(0)), 7)
  t.true(turns >= 3)
  t.is(doAtOnce(work()), 7)
})
