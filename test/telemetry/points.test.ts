/** Points in columns, and what is kept from one collection to the next. */
import { emptyResource } from '@opentelemetry/resources'
import test from 'ava'
import { array, assert, asyncProperty, boolean, integer, record, uniqueArray } from 'fast-check'
import { now } from '../../src/telemetry/clock.ts'
import { metricTable, type Naming } from '../../src/telemetry/definitions.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { type ObservedPoint, pointsOf } from '../../src/telemetry/points.ts'
import { PrometheusSerializer } from '../../src/telemetry/prometheus/serializer.ts'

const io = (direction: string, scale: number) =>
  ({
    description: 'Bytes',
    kind: 'counter',
    valueType: 'int',
    otel: { name: 'x.io', unit: 'By', attributes: { direction } },
    classic: {
      name: `x_${direction === 'none' ? 'none' : 'io'}`,
      scale,
      attributes: { direction },
    },
  }) as const

const cpu = (mode: string) =>
  ({
    description: 'CPU time',
    kind: 'counter',
    valueType: 'double',
    otel: { name: 'x.cpu', unit: 's', attributes: { mode } },
    classic: { name: 'x_cpu_total', isTotal: true },
  }) as const

const TABLE = metricTable({
  scope: 'x',
  keys: { 'x.name': { description: '', classic: 'name' } },
  metrics: {
    read: io('read', 1),
    write: io('write', 1),
    other: io('other', 1000),
    none: io('none', 1),
    user: cpu('user'),
    system: cpu('system'),
    nameless: {
      description: 'Count',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'x.count', unit: '' },
    },
  },
})

const NAMINGS: readonly (readonly Naming[])[] = [['classic'], ['otel'], ['otel', 'classic']]
const ENTITIES = 6
const MAX_SERIES = 40

test('what is kept from earlier collections does not show: text and points are those of a fresh start', async (t) => {
  const collection = record({
    present: uniqueArray(integer({ min: 0, max: ENTITIES - 1 })),
    renamed: uniqueArray(integer({ min: 0, max: ENTITIES - 1 }), { maxLength: 2 }),
    withoutWrite: boolean(),
  })
  await assert(
    asyncProperty(array(collection, { minLength: 2, maxLength: 8 }), async (collections) => {
      const meter = new ObservableMeter({ name: 'x' }, now(), MAX_SERIES)
      const { measurements, observables } = createInstruments(meter, TABLE)
      const entities = Array.from({ length: ENTITIES }, (_, index) => entityOf(index))
      const [translation, serializer] = [new NameTranslation(), createSerializer()]
      let round = 0
      let observing = collections[0]
      meter.addBatchObservableCallback((result) => {
        for (const index of observing.present) {
          for (const [key, measurement] of Object.entries(measurements)) {
            if (key === 'write' && observing.withoutWrite) continue
            measurement.observe(result, entities[index], round * 1.5 + index)
          }
        }
      }, observables)
      const before: { read: () => string; said: string }[] = []
      for (observing of collections) {
        round++
        for (const index of observing.renamed) {
          entities[index].rename({ 'x.name': `${index}-${round}` }, { 'container.id': `c${round}` })
        }
        const { scopeMetrics } = await meter.collect(now())
        for (const namings of NAMINGS) {
          const warm = translation.translate([scopeMetrics], namings)
          const fresh = new NameTranslation().translate([scopeMetrics], namings)
          const text = textOf(serializer, warm)
          t.is(text, textOf(createSerializer(), fresh))
          // By the objects that readers of the SDK get, which are made point by point.
          t.is(text, textOf(createSerializer(), withObjects(fresh)))
          t.deepEqual(objects(warm), objects(fresh))
        }
        const read = () => JSON.stringify(objects([scopeMetrics]))
        before.push({ read, said: read() })
      }
      for (const { read, said } of before) t.is(read(), said)
    }),
    { numRuns: 60 },
  )
})

test('the array of attributes is the same while the same series are observed', async (t) => {
  const meter = new ObservableMeter({ name: 'x' }, now())
  const { measurements, observables } = createInstruments(meter, TABLE)
  let entities = [entityOf(0), entityOf(1), entityOf(2)]
  meter.addBatchObservableCallback((result) => {
    for (const entity of entities) measurements.nameless.observe(result, entity, 1)
  }, observables)
  const attributes = async () => {
    const { scopeMetrics } = await meter.collect(now())
    return pointsOf(scopeMetrics.metrics[0])[0].attributes
  }
  const first = await attributes()
  t.is(await attributes(), first)
  entities = entities.slice(0, 2)
  const fewer = await attributes()
  t.deepEqual([first.length, fewer.length], [3, 2])
  t.is(await attributes(), fewer)
})

/** Those of even numbers belong to a container. */
function entityOf(index: number): Entity {
  const workload = index % 2 === 0 ? { 'container.id': `container-${index}` } : undefined
  return new Entity({ 'x.name': `${index}` }, [index, 0], workload)
}

function createSerializer(): PrometheusSerializer {
  return new PrometheusSerializer({ target_info: false, scope_labels: true, created: true })
}

type Scopes = ReturnType<NameTranslation['translate']>

function textOf(serializer: PrometheusSerializer, scopeMetrics: Scopes): string {
  return serializer.serialize({ resource: emptyResource(), scopeMetrics })
}

function objects(scopes: Scopes): (readonly ObservedPoint[])[] {
  return scopes.flatMap(({ metrics }) =>
    metrics.map(({ dataPoints }) => dataPoints as unknown as readonly ObservedPoint[]),
  )
}

function withObjects(scopes: Scopes): Scopes {
  return scopes.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.map(
      (metric) => ({ ...metric, dataPoints: metric.dataPoints }) as (typeof metrics)[number],
    ),
  }))
}
