import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Metadata, ServerCredentials, status } from '@grpc/grpc-js'
import test, { type ExecutionContext } from 'ava'
import { connect } from '../../../src/telemetry/otlp/connection.ts'
import { deliver } from '../../../src/telemetry/otlp/delivery.ts'
import { ExportCounts } from '../../../src/telemetry/otlp/export-counts.ts'
import { OtlpReader, type OtlpReaderOptions } from '../../../src/telemetry/otlp/reader.ts'
import { RequestEncoder } from '../../../src/telemetry/otlp/request-encoder.ts'
import { retryDelay } from '../../../src/telemetry/otlp/retry.ts'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
import { provide, someMetrics, someProducer } from '../../support/metrics.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type Receiver,
  startReceiver,
} from '../../support/receiver.ts'
import { skip } from '../../support/skip.ts'

const SETTINGS: OtlpSettings = {
  endpoint: '',
  insecure: false,
  certificate: undefined,
  client_key: undefined,
  client_certificate: undefined,
  headers: new Map(),
  compression: 'none',
  // Nothing is pushed unless a test asks for it.
  interval: 3_600_000,
  export_timeout: 30_000,
  timeout: 10_000,
  max_request_size: 3 * 1024 * 1024,
}

interface Setup {
  points?: number
  settings?: Partial<OtlpSettings>
  receiver?: Parameters<typeof startReceiver>[0]
  sleep?: OtlpReaderOptions['sleep']
}

async function setUp(
  t: ExecutionContext,
  { points = 10, settings, receiver: options, sleep = async () => {} }: Setup = {},
) {
  const receiver = await startReceiver(options)
  const producer = someProducer(points)
  const lines: string[] = []
  const delays: number[] = []
  const reader = new OtlpReader({
    producer,
    settings: { ...SETTINGS, endpoint: receiver.endpoint, ...settings },
    logger: {
      info: (_, message) => lines.push(message),
      warn: (_, message) => lines.push(message),
    },
    random: afterAnHour(settings?.interval),
    sleep: (milliseconds, signal) => {
      delays.push(milliseconds)
      return sleep(milliseconds, signal)
    },
  })
  const provider = provide(reader)
  t.teardown(async () => {
    receiver.close()
    await reader.shutdown({ timeoutMillis: 1000 }).catch(() => {})
  })
  return { receiver, producer, reader, provider, lines, delays }
}

/** The schedule's first push is put off beyond the test, unless it is about the schedule; then no jitter. */
function afterAnHour(interval: number | undefined): () => number {
  const randoms = interval === undefined ? [1000] : []
  return () => randoms.pop() ?? 0.5
}

/** The points that arrived are those of one collection, each once and in order. */
function isWhole(t: ExecutionContext, receiver: Receiver, points: number, round = 1): void {
  const arrived = pointsOf(receiver.requests).map(({ metric: { name }, point }) => ({
    name,
    value: pointValue(point),
    attributes: attributesOf(point),
    start: point.startTimeUnixNano,
    end: point.timeUnixNano,
  }))
  const [{ metrics }] = someMetrics(points, round).scopeMetrics
  const expected = metrics.flatMap(({ descriptor: { name }, dataPoints }) =>
    dataPoints.map(({ value, attributes, startTime: [start], endTime: [end] }) => ({
      name,
      value,
      attributes,
      start: `${start}000000000`,
      end: `${end}000000000`,
    })),
  )
  t.true(isDeepStrictEqual(arrived, expected))
}

/** Resolves when a request is with the receiver. */
async function underWay(receiver: Receiver): Promise<void> {
  while (receiver.active === 0) await setImmediate()
}

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

test('a delay that can not be meant is kept to what a timer and a receiver can bear', (t) => {
  const asked = (duration: number[]) => {
    const url = Buffer.from('type.googleapis.com/google.rpc.RetryInfo')
    const any = [0x0a, url.length, ...url, 0x12, duration.length + 2, 0x0a, duration.length]
    const metadata = new Metadata()
    const details = [0x1a, any.length + duration.length, ...any, ...duration]
    metadata.set('grpc-status-details-bin', Buffer.from(details))
    return { code: status.UNAVAILABLE, metadata }
  }
  t.is(retryDelay(asked([]), 1, 0.5), 1000)
  t.is(retryDelay(asked([0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]), 1, 0.5), 2500)
  const century = [0x08, 0x80, 0xb1, 0xe1, 0xdf, 0x0b]
  t.is(retryDelay(asked(century), 1, 0.5), 2 ** 31 - 1)
  const minusOne = [0x08, ...Array(9).fill(0xff), 0x01]
  t.is(retryDelay(asked(minusOne), 1, 0.5), 2 ** 31 - 1)
  const cutOff = { code: status.UNAVAILABLE, metadata: new Metadata() }
  cutOff.metadata.set('grpc-status-details-bin', Buffer.from([0x1a, 0xff, 0xff]))
  t.is(retryDelay(cutOff, 1, 0.5), 1000)
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

test('a push whose time is up has failed', async (t) => {
  const receiver = await startReceiver()
  receiver.answers.push({ code: status.UNAVAILABLE })
  const connection = connect({ ...SETTINGS, endpoint: receiver.endpoint })
  t.teardown(async () => {
    receiver.close()
    await connection.close()
  })
  const counts = new ExportCounts()
  const encoder = new RequestEncoder(SETTINGS.max_request_size)
  const time = new AbortController()
  const sleep = async () => time.abort(new DOMException('', 'TimeoutError'))
  const parts = { connection, encoder, counts, random: () => 0.5, sleep }
  await t.throwsAsync(deliver(parts, someMetrics(10), time.signal), { message: /refused/ })
  t.deepEqual([...counts.failed], [['UNAVAILABLE', 10]])
  t.is(counts.superseded, 0)
})

test('a request that hangs ends with the time of the push', async (t) => {
  const { receiver, reader } = await setUp(t, {
    settings: { export_timeout: 500, timeout: 3_600_000 },
  })
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ after: gate.promise })
  await reader.forceFlush()
  gate.resolve()
  t.deepEqual([...reader.counts.failed], [['DEADLINE_EXCEEDED', 10]])
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

test('a stop pushes once more', async (t) => {
  const { receiver, provider } = await setUp(t)
  await provider.shutdown()
  isWhole(t, receiver, 10)
})

test('a stop does not wait for a request that hangs', async (t) => {
  const { receiver, reader, provider } = await setUp(t, { settings: { timeout: 3_600_000 } })
  const gate = Promise.withResolvers<void>()
  t.teardown(() => gate.resolve())
  receiver.answers.push({ after: gate.promise })
  const hanging = reader.forceFlush()
  await underWay(receiver)
  await provider.shutdown()
  t.is(receiver.active, 1)
  receiver.close()
  await hanging
  t.deepEqual(receiver.requests, [])
})

test('the schedule pushes by itself', async (t) => {
  const { receiver } = await setUp(t, { settings: { interval: 20 } })
  await receiver.received(3)
  t.is(receiver.mostActive, 1)
})

test('headers and compression arrive', async (t) => {
  const { receiver, reader } = await setUp(t, {
    settings: { headers: new Map([['authorization', 'Bearer x']]), compression: 'gzip' },
  })
  await reader.forceFlush()
  isWhole(t, receiver, 10)
  t.deepEqual(receiver.metadata.get('authorization'), ['Bearer x'])
})

test('TLS, with certificates on both sides', async (t) => {
  const files = makeCertificates(t)
  if (files === undefined) return skip(t, 'there is no openssl')
  const { key, certificate } = files
  const credentials = ServerCredentials.createSsl(
    readFileSync(certificate),
    [{ private_key: readFileSync(key), cert_chain: readFileSync(certificate) }],
    true,
  )
  const receiver = await startReceiver({ credentials })
  t.teardown(() => receiver.close())
  const push = async (settings: Partial<OtlpSettings>) => {
    const logger = { info: () => {}, warn: () => {} }
    const endpoint = `https://localhost:${receiver.port}`
    const all = { ...SETTINGS, endpoint, certificate, ...settings }
    const reader = new OtlpReader({ producer: someProducer(5), settings: all, logger })
    provide(reader)
    await reader.forceFlush()
    await reader.shutdown({ timeoutMillis: 1000 }).catch(() => {})
    return reader.counts.exported
  }
  t.is(await push({ export_timeout: 500 }), 0)
  t.true((await push({ client_key: key, client_certificate: certificate })) > 0)
})

function makeCertificates(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'otlp-tls-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const key = join(directory, 'key.pem')
  const certificate = join(directory, 'certificate.pem')
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext subjectAltName=DNS:localhost`
  try {
    execFileSync('openssl', [...request.split(' '), '-keyout', key, '-out', certificate], {
      stdio: 'ignore',
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return { key, certificate }
}
