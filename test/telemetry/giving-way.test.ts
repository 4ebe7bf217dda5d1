/** Text of many series is made in pieces. */
import { emptyResource } from '@opentelemetry/resources'
import test from 'ava'
import { now } from '../../src/telemetry/clock.ts'
import { metricTable } from '../../src/telemetry/definitions.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { PrometheusSerializer } from '../../src/telemetry/prometheus/serializer.ts'
import type { Work } from '../../src/telemetry/time-slice.ts'

const SERIES = 100_000
const MAX_AT_ONCE = 1000

const TABLE = metricTable({
  scope: 'x',
  keys: { index: { description: '' } },
  metrics: {
    gauge: {
      ...{ description: '', kind: 'gauge', valueType: 'int' },
      ...{ otel: { name: 'x', unit: '' }, classic: { name: 'y' } },
    },
  },
})

test('translation and text yield again and again', async (t) => {
  const meter = new ObservableMeter({ name: 'x' }, now())
  const { measurements, observables } = createInstruments(meter, TABLE)
  meter.addBatchObservableCallback((result) => {
    for (let index = 0; index < SERIES; index++) {
      measurements.gauge.observe(result, new Entity({ index }, now()), index)
    }
  }, observables)
  const { scopeMetrics } = await meter.collect(now())
  const translation = new NameTranslation()
  const [translated, pieces] = count(translation.translating([scopeMetrics], ['classic']))
  t.true(pieces >= SERIES / MAX_AT_ONCE)
  const serializer = new PrometheusSerializer({ target_info: false, scope_labels: false })
  const metrics = { resource: emptyResource(), scopeMetrics: translated }
  const [text, textPieces] = count(serializer.serializing(metrics))
  t.true(textPieces >= SERIES / MAX_AT_ONCE)
  t.true(text.length > 10)
  t.is(Buffer.concat(text).toString(), serializer.serialize(metrics))
})

/** What work gives, and how often it yields. */
function count<T>(work: Work<T>): [result: T, yields: number] {
  for (let yields = 0; ; yields++) {
    const { done, value } = work.next()
    if (done) return [value, yields]
  }
}
