import { ValueType } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import {
  MeterProvider,
  type MetricData,
  MetricReader,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import test from 'ava'
import { metricTable } from '../../src/telemetry/definitions.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import type { ObservedPoint } from '../../src/telemetry/points.ts'

const TABLE = metricTable({
  scope: 'test',
  keys: { 'test.name': { description: 'Name' } },
  metrics: {
    read: {
      description: 'Bytes',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'test.io', unit: 'By', attributes: { direction: 'read' } },
    },
    write: {
      description: 'Bytes',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'test.io', unit: 'By', attributes: { direction: 'write' } },
    },
    memory: {
      description: 'Memory',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'test.memory', unit: 'By' },
    },
    ratio: {
      description: 'Ratio',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'test.ratio', unit: '1' },
    },
  },
})

/** A collector on any meter; it observes the groups that are there. */
function collector(
  meter: ObservableMeter | ReturnType<MeterProvider['getMeter']>,
  groups: string[],
) {
  const { measurements: m, observables } = createInstruments(meter, TABLE)
  const entities = new Map<string, Entity>()
  meter.addBatchObservableCallback(async (result) => {
    for (const [index, name] of groups.entries()) {
      const entity = entities.get(name) ?? new Entity({ 'test.name': name }, [1000 + index, 0])
      entities.set(name, entity)
      m.read.observe(result, entity, 10 + index)
      m.write.observe(result, entity, 20 + index)
      m.memory.observe(result, entity, 30 + index)
      m.ratio.observe(result, entity, 0.5 + index)
    }
  }, observables)
}

class StockReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** What identifies points and what they say, times apart. */
function essence({ metrics }: ScopeMetrics): unknown[] {
  return metrics
    .map((metric: MetricData) => ({
      ...metric.descriptor,
      kind: metric.dataPointType,
      isMonotonic: 'isMonotonic' in metric ? metric.isMonotonic : undefined,
      points: metric.dataPoints.map(({ attributes, value }) => ({ ...attributes, value })),
    }))
    .map(({ name, description, unit, kind, isMonotonic, points }) => ({
      name,
      description,
      unit,
      kind,
      isMonotonic,
      points: points.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    }))
}

test('points are those of the stock SDK, but a group that is gone is gone', async (t) => {
  const groups = ['a', 'b']
  const reader = new StockReader()
  const provider = new MeterProvider({ resource: emptyResource(), readers: [reader] })
  collector(provider.getMeter('test'), groups)
  const ours = new ObservableMeter({ name: 'test' }, [900, 0])
  collector(ours, groups)

  const stock = async () => (await reader.collect()).resourceMetrics.scopeMetrics[0]
  const first = (await ours.collect([2000, 0])).scopeMetrics
  t.deepEqual(essence(first), essence(await stock()))

  groups.pop()
  const points = ({ metrics }: ScopeMetrics): unknown[] =>
    metrics.flatMap(({ dataPoints }) => dataPoints as unknown[])
  t.is(points((await ours.collect([2001, 0])).scopeMetrics).length, 4)
  t.is(points(await stock()).length, 8)
  await provider.shutdown()
})

test('every point has the start of its entity and the time of the collection', async (t) => {
  const meter = new ObservableMeter({ name: 'test' }, [900, 0])
  collector(meter, ['a', 'b'])
  const { scopeMetrics } = await meter.collect([2000, 7])
  for (const { dataPoints } of scopeMetrics.metrics) {
    for (const { attributes, startTime, endTime } of dataPoints) {
      t.deepEqual(startTime, [attributes['test.name'] === 'a' ? 1000 : 1001, 0])
      t.deepEqual(endTime, [2000, 7])
    }
  }
})

test('attributes of a series are one object for ever', async (t) => {
  const meter = new ObservableMeter({ name: 'test' }, [900, 0])
  collector(meter, ['a'])
  const attributes = async () =>
    (await meter.collect([1, 0])).scopeMetrics.metrics.flatMap(({ dataPoints }) =>
      dataPoints.map((point) => point.attributes),
    )
  const [first, second] = [await attributes(), await attributes()]
  t.true(first.every((object, index) => object === second[index]))
})

test('a point carries its row and its series; attributes that no entity made have their row by value', async (t) => {
  const meter = new ObservableMeter({ name: 'test' }, [900, 0])
  const { measurements, observables } = createInstruments(meter, TABLE)
  const entity = new Entity({ 'test.name': 'a' }, [1000, 0])
  meter.addBatchObservableCallback((result) => {
    measurements.write.observe(result, entity, 1)
    result.observe(observables[0], 2, { 'test.name': 'plain', direction: 'read' })
    result.observe(observables[0], 3, { 'test.name': 'plain', direction: 'none' })
  }, observables)
  const { scopeMetrics } = await meter.collect([2000, 0])
  const points = scopeMetrics.metrics[0].dataPoints as ObservedPoint[]
  t.deepEqual(
    points.map(({ series, row }) => [series?.entity, row?.definition]),
    [
      [entity, TABLE.metrics.write],
      [undefined, TABLE.metrics.read],
      [undefined, undefined],
    ],
  )
})

test('a callback that fails loses its own instruments only', async (t) => {
  const meter = new ObservableMeter({ name: 'test' }, [900, 0])
  const good = meter.createObservableGauge('good')
  const bad = meter.createObservableGauge('bad')
  meter.addBatchObservableCallback((result) => result.observe(good, 1), [good])
  meter.addBatchObservableCallback(
    async (result) => {
      result.observe(bad, 1)
      throw new RangeError('no')
    },
    [bad],
  )
  const { scopeMetrics, errors } = await meter.collect([1, 0])
  t.deepEqual(
    scopeMetrics.metrics.map(({ descriptor }) => descriptor.name),
    ['good'],
  )
  t.is((errors[0] as Error).name, 'RangeError')
})

test('callbacks of single instruments can be added and taken away', async (t) => {
  const meter = new ObservableMeter({ name: 'test' }, [900, 0])
  const counter = meter.createObservableCounter('c', { valueType: ValueType.INT, unit: 's' })
  const callback = (result: { observe(value: number): void }) => result.observe(3)
  counter.addCallback(callback)
  const names = async () => (await meter.collect([1, 0])).scopeMetrics.metrics.length
  t.is(await names(), 1)
  counter.removeCallback(callback)
  t.is(await names(), 0)
})

test('there are no synchronous instruments', (t) => {
  const meter = new ObservableMeter({ name: 'test' }, [900, 0])
  t.throws(() => meter.createCounter('c'), { instanceOf: TypeError })
  t.throws(() => meter.createHistogram('h'), { instanceOf: TypeError })
})
