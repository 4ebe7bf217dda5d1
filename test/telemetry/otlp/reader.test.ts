import { setImmediate, setTimeout } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import test from 'ava'
import { pointsOf, pointValue, startReceiver } from '../../support/receiver.ts'
import { isWhole, setUp, underWay } from './set-up.ts'

test('a push arrives once, with the Resource, as it was collected', async (t) => {
  const { receiver, reader, lines } = await setUp(t)
  await reader.forceFlush()
  isWhole(t, receiver, 10)
  const [{ resource, scopeMetrics }] = receiver.requests[0].resourceMetrics
  t.deepEqual(resource.attributes[0], { key: 'service.name', value: { stringValue: 'test' } })
  t.like(scopeMetrics[0].metrics[0], { name: 'test.metric.0', unit: 'By', description: 'x' })
  t.like(scopeMetrics[0].metrics[0].sum, {
    isMonotonic: true,
    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
  })
  t.is(reader.counts.exported, 10)
  t.deepEqual(lines, ['pushing metrics by OTLP'])
})

test('one push at a time, and of those that wait only the latest goes', async (t) => {
  const { receiver, reader, producer } = await setUp(t)
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ after: gate.promise })
  const first = reader.forceFlush()
  await underWay(receiver)
  const pushes = [first, ...[2, 3, 4].map(() => reader.forceFlush())]
  t.is(receiver.active, 1)
  gate.resolve()
  await Promise.all(pushes)
  t.is(receiver.mostActive, 1)
  t.is(producer.collections, 2)
  t.is(receiver.requests.length, 2)
})

test('a push that is being refused gives up when the next is due', async (t) => {
  const { receiver, reader } = await setUp(t)
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ code: status.UNAVAILABLE, after: gate.promise })
  const first = reader.forceFlush()
  await underWay(receiver)
  const second = reader.forceFlush()
  gate.resolve()
  await Promise.all([first, second])
  t.is(reader.counts.superseded, 10)
  t.is(reader.counts.exported, 10)
  t.is(Math.floor(pointValue(pointsOf(receiver.requests)[0].point) / 1e6), 2)
})

test('who asks for a push that a newer one replaces waits for the newer one', async (t) => {
  const { receiver, reader } = await setUp(t)
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ after: gate.promise })
  reader.forceFlush()
  await underWay(receiver)
  const replaced = reader.forceFlush()
  reader.forceFlush()
  gate.resolve()
  await replaced
  t.is(receiver.requests.length, 2)
})

test('a collection that fails costs one line, and one when the next does not', async (t) => {
  const { reader, producer, receiver, lines } = await setUp(t)
  const { collect } = producer
  producer.collect = () => Promise.reject(new Error('no collection'))
  await reader.forceFlush()
  await reader.forceFlush()
  t.deepEqual(lines, ['there is nothing to push: no collection'])
  t.is(reader.counts.uncollected, 2)
  producer.collect = collect
  await reader.forceFlush()
  isWhole(t, receiver, 10)
  t.deepEqual(lines.slice(1), ['there are metrics to push again', 'pushing metrics by OTLP'])
})

test('a receiver that is away costs one line, and one when it is back', async (t) => {
  const { receiver, reader, lines, delays } = await setUp(t, {
    sleep: (_, signal) => setTimeout(20, undefined, { signal }).catch(() => {}),
  })
  const back = 'pushing metrics by OTLP'
  await reader.forceFlush()
  receiver.close()
  for (let push = 0; push < 3; push++) {
    const before = delays.length
    reader.forceFlush()
    while (delays.length === before) await setImmediate()
  }
  t.is(lines.length, 2)
  t.is(lines[0], back)
  t.regex(lines[1], /can not be pushed/)
  t.true((reader.counts.requests.get('UNAVAILABLE') ?? 0) >= 3)
  const again = await startReceiver({ port: receiver.port })
  t.teardown(() => again.close())
  await reader.forceFlush()
  t.deepEqual(lines.slice(2), [back])
})

test('a stop without a receiver tries each request once, and says nothing new', async (t) => {
  const { receiver, reader, provider, lines, delays } = await setUp(t, {
    sleep: (_, signal) => setTimeout(20, undefined, { signal }).catch(() => {}),
  })
  receiver.close()
  const retrying = reader.forceFlush()
  while (delays.length === 0) await setImmediate()
  const before = lines.length
  const stopped = provider.shutdown()
  const retries = delays.length
  await Promise.all([stopped, retrying])
  t.true(delays.length <= retries)
  t.deepEqual(lines.slice(before), before === 0 ? [lines[0]] : [])
  t.false(lines.includes('the last push did not end in time'))
})

test('a stop pushes once more', async (t) => {
  const { receiver, provider } = await setUp(t)
  await provider.shutdown()
  isWhole(t, receiver, 10)
})

test('a stop does not wait for a request that hangs', async (t) => {
  const { receiver, reader, provider, lines } = await setUp(t, {
    settings: { timeout: 3_600_000 },
  })
  const gate = Promise.withResolvers<void>()
  t.teardown(() => gate.resolve())
  receiver.answers.push({ after: gate.promise })
  const hanging = reader.forceFlush()
  await underWay(receiver)
  await provider.shutdown()
  t.is(receiver.active, 1)
  t.deepEqual(lines, ['the last push did not end in time'])
  receiver.close()
  await hanging
  t.deepEqual(receiver.requests, [])
})

test('the schedule pushes by itself', async (t) => {
  const { receiver } = await setUp(t, { settings: { interval: 20 } })
  await receiver.received(3)
  t.is(receiver.mostActive, 1)
})
