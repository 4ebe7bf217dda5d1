/** Names of entities that change, and what does not change with them. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import test from 'ava'
import { metricTable } from '../../src/telemetry/definitions.ts'
import { Entity, seriesOf } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { type DeltaPoint, Deltas } from '../../src/telemetry/otlp/deltas.ts'

const START: HrTime = [100, 0]
const FIXED = { mode: 'user' }

test('a rename that changes nothing changes nothing', (t) => {
  const entity = new Entity({ id: '1', tags: ['x', 'y'] }, START, { name: 'a' })
  const { attributes } = entity.series(FIXED)
  const { workload } = entity
  entity.rename({ tags: ['x', 'y'], id: '1' }, { name: 'a' })
  t.is(entity.series(FIXED).attributes, attributes)
  t.is(entity.workload, workload)
})

test('a real rename keeps the series and its start, and parts follow it', (t) => {
  const entity = new Entity({ id: '1' }, START)
  const part = entity.part({ thread: 't' }, [150, 0])
  const [whole, own] = [entity.series(FIXED), part.series(FIXED)]
  const before = [whole.attributes, own.attributes]
  entity.rename({ id: '1' }, { name: 'a' })
  t.deepEqual({ ...entity.series(FIXED).attributes }, { ...before[0], name: 'a' })
  t.deepEqual({ ...part.series(FIXED).attributes }, { ...before[1], name: 'a' })
  t.is(seriesOf(entity.series(FIXED).attributes), whole)
  t.is(seriesOf(part.series(FIXED).attributes), own)
  t.deepEqual(own.entity.start, [150, 0])
  t.is(part.workload, entity.workload)
})

test('a series knows which of its attributes identify its container or pod', (t) => {
  const entity = new Entity({ id: '1', name: 'own' }, START, { name: 'a' })
  t.like(entity.series(FIXED).attributes, { id: '1', name: 'a', mode: 'user' })
  t.deepEqual(entity.series(FIXED).unidentified, { id: '1', mode: 'user' })
  entity.rename({ id: '1' })
  t.deepEqual(Object.keys(entity.series(FIXED).unidentified), ['id', 'mode'])
})

test('a rename that another vocabulary does not show keeps its attributes, and text made of them', (t) => {
  const entity = new Entity({ id: '1' }, START, { image: 'a' })
  const translation = {
    translate: ({ id, name }: Attributes): Attributes =>
      name === undefined ? { id } : { id, name },
  }
  const series = entity.series(FIXED)
  const first = series.translated(translation)
  entity.rename({ id: '1' }, { image: 'b' })
  t.is(series.translated(translation), first)
  entity.rename({ id: '1', name: 'n' }, { image: 'b' })
  t.deepEqual(series.translated(translation), { id: '1', name: 'n' })
})

const TABLE = metricTable({
  scope: 'test',
  keys: { id: { description: 'Id' }, name: { description: 'Name' } },
  metrics: {
    time: {
      description: 'Time',
      kind: 'counter',
      valueType: 'double',
      otel: { name: 'test.time', unit: 's' },
      classic: { name: 'test_seconds_total' },
    },
  },
})

for (const naming of ['otel', 'classic'] as const) {
  test(`no increase counts twice when names become known, in ${naming} names`, async (t) => {
    const meter = new ObservableMeter({ name: 'test' }, START)
    const { measurements, observables } = createInstruments(meter, TABLE)
    const entity = new Entity({ id: '1' }, START)
    let value = 0
    meter.addBatchObservableCallback((result) => {
      measurements.time.observe(result, entity, value)
    }, observables)
    const deltas = new Deltas()
    const translation = new NameTranslation()
    const push = async (time: number) => {
      value += 5
      const { scopeMetrics } = await meter.collect([time, 0])
      const translated = translation.translate([scopeMetrics], [naming])
      const converted = deltas.convert({ resource: emptyResource(), scopeMetrics: translated })
      const [point] = converted.scopeMetrics[0].metrics[0].dataPoints as DeltaPoint[]
      point.accept()
      return point
    }
    t.like(await push(200), { value: 5, startTime: START })
    entity.rename({ id: '1', name: 'a' })
    t.like(await push(210), { value: 5, startTime: [200, 0], attributes: { name: 'a' } })
    entity.rename({ id: '1', name: 'b' })
    t.like(await push(220), { value: 5, startTime: [210, 0], attributes: { name: 'b' } })
  })
}

test('plain attributes are translated as those of an entity are', async (t) => {
  const meter = new ObservableMeter({ name: 'test' }, START)
  const { observables } = createInstruments(meter, TABLE)
  meter.addBatchObservableCallback(
    (result) => result.observe(observables[0], 5, { id: '1' }),
    observables,
  )
  const { scopeMetrics } = await meter.collect([200, 0])
  const [{ metrics }] = new NameTranslation().translate([scopeMetrics], ['classic'])
  t.is(metrics[0].descriptor.name, 'test_seconds_total')
  t.like(metrics[0].dataPoints[0], { value: 5, attributes: { id: '1' }, startTime: START })
})
