import { status } from '@grpc/grpc-js'
import test from 'ava'
import { deliver } from '../../../src/telemetry/otlp/delivery.ts'
import { ExportCounts } from '../../../src/telemetry/otlp/export-counts.ts'
import { RequestLimit } from '../../../src/telemetry/otlp/requests.ts'
import { openTransport } from '../../../src/telemetry/otlp/transport.ts'
import { someMetrics } from '../../support/metrics.ts'
import { startReceiver } from '../../support/receiver.ts'
import { isWhole, SETTINGS, setUp } from './set-up.ts'

for (const code of [
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNAVAILABLE',
  'DATA_LOSS',
] as const) {
  test(`a request refused with ${code} is sent again, after longer and longer`, async (t) => {
    const { receiver, reader, delays } = await setUp(t)
    receiver.answers.push({ code: status[code] }, { code: status[code] }, { code: status[code] })
    await reader.forceFlush()
    isWhole(t, receiver, 10)
    t.deepEqual(delays, [1000, 1500, 2250])
    t.is(reader.counts.requests.get(code), 3)
    t.is(reader.counts.exported, 10)
  })
}

for (const code of [
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'UNIMPLEMENTED',
  'RESOURCE_EXHAUSTED',
] as const) {
  test(`a request refused with ${code} is given up and counted`, async (t) => {
    const { receiver, reader, delays } = await setUp(t)
    receiver.answers.push({ code: status[code] })
    await reader.forceFlush()
    t.deepEqual(delays, [])
    t.deepEqual(receiver.requests, [])
    t.deepEqual([...reader.counts.failed], [[code, 10]])
  })
}

test('a delay that the receiver asks for is kept, also when it is exhausted', async (t) => {
  const { receiver, reader, delays } = await setUp(t)
  receiver.answers.push(
    { code: status.UNAVAILABLE, retryAfter: 7 },
    { code: status.RESOURCE_EXHAUSTED, retryAfter: 3 },
  )
  await reader.forceFlush()
  t.deepEqual(delays, [7000, 3000])
  isWhole(t, receiver, 10)
})

test('20,000 points go in requests of bounded size, each point once', async (t) => {
  const limit = 512 * 1024
  const { receiver, reader } = await setUp(t, {
    points: 20_000,
    settings: { max_request_size: limit },
    receiver: { maxReceive: limit },
  })
  await reader.forceFlush()
  isWhole(t, receiver, 20_000)
  t.true(receiver.requests.length > 5)
  t.is(receiver.mostActive, 1)
  t.is(reader.counts.exported, 20_000)
})

test('a smaller limit of the receiver is learnt from its refusal, and remembered', async (t) => {
  const { receiver, reader } = await setUp(t, {
    points: 5000,
    receiver: { maxReceive: 256 * 1024 },
  })
  await reader.forceFlush()
  isWhole(t, receiver, 5000)
  const refused = reader.counts.requests.get('RESOURCE_EXHAUSTED') ?? 0
  t.true(refused > 0)
  await reader.forceFlush()
  t.is(reader.counts.requests.get('RESOURCE_EXHAUSTED'), refused)
  t.is(reader.counts.exported, 10_000)
})

for (const [code, details] of [
  ['RESOURCE_EXHAUSTED', 'grpc: received message larger than max (9000 vs. 5000)'],
  ['RESOURCE_EXHAUSTED', 'gRPC message exceeds maximum size 5000: 9000'],
  ['RESOURCE_EXHAUSTED', 'Received message exceeds the maximum configured message size.'],
  ['OUT_OF_RANGE', 'Error, decoded message length too large: found 9 bytes, the limit is: 5 bytes'],
] as const) {
  test(`${code} is a matter of size, not of time, when it says: ${details}`, async (t) => {
    const { receiver, reader, delays } = await setUp(t)
    receiver.answers.push({ code: status[code], details })
    await reader.forceFlush()
    t.deepEqual(delays, [])
    isWhole(t, receiver, 10)
  })
}

test('a single point that is too large is given up', async (t) => {
  const { receiver, reader } = await setUp(t, { points: 1 })
  receiver.answers.push({ code: status.OUT_OF_RANGE, details: 'message length too large' })
  await reader.forceFlush()
  t.deepEqual([...reader.counts.failed], [['OUT_OF_RANGE', 1]])
})

test('a push whose time is up has failed', async (t) => {
  const receiver = await startReceiver()
  receiver.answers.push({ code: status.UNAVAILABLE })
  const transport = await openTransport({ ...SETTINGS, endpoint: receiver.endpoint })
  t.teardown(async () => {
    receiver.close()
    await transport.close()
  })
  const counts = new ExportCounts()
  const limit = new RequestLimit(SETTINGS.max_request_size)
  const time = new AbortController()
  const sleep = async () => time.abort(new DOMException('', 'TimeoutError'))
  const parts = { transport, limit, counts, random: () => 0.5, sleep }
  await t.throwsAsync(deliver(parts, [someMetrics(10)], time.signal), { message: /refused/ })
  t.deepEqual([...counts.failed], [['UNAVAILABLE', 10]])
  t.is(counts.superseded, 0)
})

test('a number of rejected points that can not be is not counted, and said once', async (t) => {
  const { receiver, reader, lines } = await setUp(t)
  receiver.answers.push({ rejected: -5 }, { rejected: 10 ** 12 }, { rejected: -5 })
  for (let push = 0; push < 3; push++) await reader.forceFlush()
  t.is(reader.counts.rejected, 0)
  t.is(reader.counts.exported, 30)
  t.is(lines.filter((line) => line.includes('can not be')).length, 1)
})

test('what a receiver takes but throws away is counted, and said when it begins and ends', async (t) => {
  const { receiver, reader, lines } = await setUp(t)
  receiver.answers.push({ rejected: 4 }, { rejected: 4 })
  await reader.forceFlush()
  await reader.forceFlush()
  t.is(reader.counts.rejected, 8)
  t.is(reader.counts.exported, 12)
  t.deepEqual(lines, ['pushing metrics by OTLP', 'the receiver rejects some metrics'])
  await reader.forceFlush()
  t.deepEqual(lines.slice(2), ['the receiver takes all metrics again'])
})
