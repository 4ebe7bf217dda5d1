import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServerCredentials, status } from '@grpc/grpc-js'
import test, { type ExecutionContext } from 'ava'
import { OtlpReader } from '../../../src/telemetry/otlp/reader.ts'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
import { provide, someProducer } from '../../support/metrics.ts'
import { pointsOf, pointValue, type Receiver, startReceiver } from '../../support/receiver.ts'
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
}

async function setUp(
  t: ExecutionContext,
  { points = 10, settings, receiver: options }: Setup = {},
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
    random: () => 0.5,
    sleep: async (milliseconds) => {
      delays.push(milliseconds)
    },
  })
  const provider = provide(reader)
  t.teardown(async () => {
    receiver.close()
    await reader.shutdown({ timeoutMillis: 1000 }).catch(() => {})
  })
  return { receiver, producer, reader, provider, lines, delays }
}

/** The points that arrived are those of one collection, each once. */
function isWhole(t: ExecutionContext, receiver: Receiver, points: number): void {
  const values = pointsOf(receiver.requests).map(({ point }) => pointValue(point))
  t.is(values.length, points)
  t.is(new Set(values).size, points)
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

test('one push at a time, and of those that wait only the latest goes', async (t) => {
  const { receiver, reader, producer } = await setUp(t)
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ after: gate.promise })
  const first = reader.forceFlush()
  while (receiver.active === 0) await new Promise((resolve) => setImmediate(resolve))
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
  while (receiver.active === 0) await new Promise((resolve) => setImmediate(resolve))
  const second = reader.forceFlush()
  gate.resolve()
  await Promise.all([first, second])
  t.is(reader.counts.superseded, 10)
  t.is(reader.counts.exported, 10)
  t.is(Math.floor(pointValue(pointsOf(receiver.requests)[0].point) / 1e6), 2)
})

test('a receiver that is away costs one line, and one when it is back', async (t) => {
  const { receiver, reader, lines } = await setUp(t, { settings: { export_timeout: 300 } })
  const away = /can not be pushed/
  const back = 'pushing metrics by OTLP'
  await reader.forceFlush()
  receiver.close()
  for (let push = 0; push < 3; push++) await reader.forceFlush()
  t.is(lines.length, 2)
  t.is(lines[0], back)
  t.regex(lines[1], away)
  t.true((reader.counts.requests.get('UNAVAILABLE') ?? 0) > 0)
  const again = await startReceiver({ port: receiver.port })
  t.teardown(() => again.close())
  while (again.requests.length === 0) await reader.forceFlush()
  t.deepEqual(lines.slice(2), [back])
})

test('what a receiver takes but throws away is counted, and said once', async (t) => {
  const { receiver, reader, lines } = await setUp(t)
  receiver.answers.push({ rejected: 4 }, { rejected: 4 })
  await reader.forceFlush()
  await reader.forceFlush()
  t.is(reader.counts.rejected, 8)
  t.is(reader.counts.exported, 12)
  t.is(lines.filter((line) => line.includes('rejects')).length, 1)
})

test('a stop pushes once more', async (t) => {
  const { receiver, provider } = await setUp(t)
  await provider.shutdown()
  isWhole(t, receiver, 10)
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
    const all = { ...SETTINGS, endpoint, export_timeout: 500, certificate, ...settings }
    const reader = new OtlpReader({ producer: someProducer(5), settings: all, logger })
    provide(reader)
    await reader.forceFlush()
    await reader.shutdown({ timeoutMillis: 1000 }).catch(() => {})
    return reader.counts.exported
  }
  t.is(await push({}), 0)
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
