/** Readers that are not in step share collections. */
import test from 'ava'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'
import { snapshotProducer } from '../../src/telemetry/snapshot-producer.ts'

function readers(sharedAge: number) {
  const meter = new ObservableMeter({ name: 'test' }, [1, 0])
  const gauge = meter.createObservableGauge('g')
  const counts = { collections: 0 }
  meter.addBatchObservableCallback((result) => result.observe(gauge, ++counts.collections), [gauge])
  const sampler = new Sampler({ meters: [meter], maxAge: 0, onRun: () => {} })
  const translation = new NameTranslation()
  return {
    counts,
    scrape: () => snapshotProducer(sampler, translation, ['otel']).collect(),
    push: snapshotProducer(sampler, translation, ['otel'], () => sharedAge),
  }
}

test('a push carries the collection that a scrape has caused since the push before', async (t) => {
  const { counts, scrape, push } = readers(3_600_000)
  await scrape()
  t.is(counts.collections, 1)
  await push.collect()
  t.is(counts.collections, 1)
  await scrape()
  await push.collect()
  t.is(counts.collections, 2)
})

test('a push collects by itself where nothing else has since the push before', async (t) => {
  const { counts, push } = readers(3_600_000)
  await push.collect()
  await push.collect()
  t.is(counts.collections, 2)
})

test('a push that may not share collects by itself', async (t) => {
  const { counts, scrape, push } = readers(0)
  await scrape()
  await push.collect()
  t.is(counts.collections, 2)
})
