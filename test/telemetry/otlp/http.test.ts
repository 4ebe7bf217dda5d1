import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { makeAuthority } from '../../support/authority.ts'
import type { HttpAnswer } from '../../support/http-receiver.ts'
import { skip } from '../../support/skip.ts'
import { isWhole, setUpHttp, underWay } from './set-up.ts'

/** With one Resource the official exporter sends, else its delegate. */
const RESOURCES = ['single', 'entity'] as const

/** A date some seconds from now, in whole seconds as HTTP has it. */
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString()

const RETRIED: readonly [name: string, answer: HttpAnswer, reason: string, delay: number][] = [
  ['429 Too Many Requests', { status: 429 }, '429', 1000],
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '7' } }, '429', 7000],
  ['502 Bad Gateway', { status: 502, body: 'bad gateway' }, '502', 1000],
  ['503 Service Unavailable', { status: 503 }, '503', 1000],
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '3' } }, '503', 3000],
  ['503 with Retry-After: 0', { status: 503, headers: { 'retry-after': '0' } }, '503', 1000],
  [
    '503 with a date long gone',
    { status: 503, headers: { 'retry-after': inSeconds(-60) } },
    '503',
    1000,
  ],
  [
    '503 with a Retry-After that is none',
    { status: 503, headers: { 'retry-after': 'soon' } },
    '503',
    1000,
  ],
  ['503 with an answer cut off', { status: 503, cut: 'within' }, '503', 1000],
  ['504 Gateway Timeout', { status: 504 }, '504', 1000],
  ['no answer', { cut: 'before' }, 'ECONNRESET', 1000],
]

for (const resources of RESOURCES) {
  for (const [name, answer, reason, delay] of RETRIED) {
    test(`${resources}: a request that gets ${name} is sent again, and counted`, async (t) => {
      const { receiver, reader, delays, lines } = await setUpHttp(t, { settings: { resources } })
      receiver.answers.push(answer, answer)
      await reader.forceFlush()
      t.is(delays[0], delay)
      t.is(delays.length, 2)
      t.is(receiver.count, 3)
      t.is(reader.counts.requests.get(reason), 2)
      t.is(reader.counts.requests.get('OK'), 1)
      t.is(reader.counts.exported, 10)
      isWhole(t, receiver, 10)
      t.deepEqual(lines, ['pushing metrics by OTLP'])
    })
  }
}

test('a date in Retry-After is waited for', async (t) => {
  const { receiver, reader, delays } = await setUpHttp(t)
  receiver.answers.push({ status: 503, headers: { 'retry-after': inSeconds(3600) } })
  await reader.forceFlush()
  t.true(delays[0] > 3_500_000 && delays[0] <= 3_600_000)
})

const PAGE = { 'content-type': 'text/html; charset=utf-8' }
/** A google.rpc.Status with a message. */
const STATUS = Buffer.from([0x08, 3, 0x12, 4, ...Buffer.from('nope')])

const GIVEN_UP: readonly [name: string, answer: HttpAnswer, reason: string, detail: RegExp][] = [
  ['400 Bad Request', { status: 400, body: STATUS }, '400', /^HTTP 400 Bad Request: nope$/],
  [
    '401 Unauthorized',
    { status: 401, body: 'who?', headers: PAGE },
    '401',
    /401 Unauthorized: who\?/,
  ],
  ['403 Forbidden', { status: 403 }, '403', /^HTTP 403 Forbidden$/],
  ['404 Not Found', { status: 404 }, '404', /^HTTP 404 Not Found$/],
  ['408 Request Timeout', { status: 408 }, '408', /408/],
  ['500 Internal Server Error', { status: 500 }, '500', /500/],
  ['501 Not Implemented', { status: 501 }, '501', /501/],
  [
    '307 Temporary Redirect',
    { status: 307, headers: { location: 'http://other:1/' } },
    '307',
    /redirects to http:\/\/other:1\/ are not followed/,
  ],
  [
    '200 with a page',
    { body: '<html>', headers: PAGE },
    '200',
    /is a page .* is the endpoint that of a receiver/,
  ],
  ['half of a refusal', { status: 400, cut: 'within' }, '400', /^HTTP 400/],
]

for (const resources of RESOURCES) {
  for (const [name, answer, reason, detail] of GIVEN_UP) {
    test(`${resources}: a request that gets ${name} is given up, counted and said once`, async (t) => {
      const { receiver, reader, delays, lines, details } = await setUpHttp(t, {
        settings: { resources },
      })
      receiver.answers.push(answer, answer)
      await reader.forceFlush()
      await reader.forceFlush()
      t.deepEqual(delays, [])
      t.is(receiver.count, 2)
      t.deepEqual([...reader.counts.failed], [[reason, 20]])
      t.is(reader.counts.requests.get(reason), 2)
      t.is(reader.counts.exported, 0)
      t.is(lines.length, 1)
      t.regex(lines[0], /^metrics can not be pushed by OTLP/)
      t.regex(details[0], detail)
    })
  }

  test(`${resources}: 200 with an answer cut off has been taken`, async (t) => {
    const { receiver, reader } = await setUpHttp(t, { settings: { resources } })
    receiver.answers.push({ cut: 'within' })
    await reader.forceFlush()
    t.is(receiver.count, 1)
    t.is(reader.counts.exported, 10)
  })

  test(`${resources}: what is thrown away is counted, and said when it begins and ends`, async (t) => {
    const { receiver, reader, lines, details } = await setUpHttp(t, { settings: { resources } })
    receiver.answers.push({ rejected: 4, message: 'too old' }, { rejected: 4 })
    await reader.forceFlush()
    await reader.forceFlush()
    t.is(reader.counts.rejected, 8)
    t.is(reader.counts.exported, 12)
    t.deepEqual(lines, ['pushing metrics by OTLP', 'the receiver rejects some metrics'])
    t.deepEqual(details, ['too old'])
    await reader.forceFlush()
    t.deepEqual(lines.slice(2), ['the receiver takes all metrics again'])
  })

  test(`${resources}: 413 halves the limit, which is remembered`, async (t) => {
    const { receiver, reader } = await setUpHttp(t, {
      points: 5000,
      settings: { resources },
      receiver: { maxReceive: 256 * 1024 },
    })
    await reader.forceFlush()
    isWhole(t, receiver, 5000)
    const refused = reader.counts.requests.get('413') ?? 0
    t.true(refused > 0)
    await reader.forceFlush()
    t.is(reader.counts.requests.get('413'), refused)
    t.is(reader.counts.exported, 10_000)
  })

  test(`${resources}: 20,000 points go in requests of bounded size, one at a time, each point once`, async (t) => {
    const max_request_size = 512 * 1024
    const { receiver, reader } = await setUpHttp(t, {
      points: 20_000,
      settings: { resources, max_request_size },
      receiver: { maxReceive: max_request_size },
    })
    await reader.forceFlush()
    isWhole(t, receiver, 20_000)
    t.true(receiver.requests.length > 5)
    t.is(receiver.mostActive, 1)
  })

  test(`${resources}: path, headers and compression arrive`, async (t) => {
    const { receiver, reader } = await setUpHttp(t, {
      settings: {
        resources,
        headers: new Map([['authorization', 'Bearer x']]),
        compression: 'gzip',
      },
    })
    await reader.forceFlush()
    isWhole(t, receiver, 10)
    t.is(receiver.url, '/v1/metrics')
    t.like(receiver.headers, {
      authorization: 'Bearer x',
      'content-encoding': 'gzip',
      'content-type': 'application/x-protobuf',
    })
  })
}

test('the endpoint of metrics is taken as it is, with its user and password', async (t) => {
  const { receiver, reader } = await setUpHttp(t)
  const other = await setUpHttp(t, {
    settings: { metrics_endpoint: `http://me:se%20cret@127.0.0.1:${receiver.port}/otlp?team=a` },
  })
  await other.reader.forceFlush()
  t.is(receiver.url, '/otlp?team=a')
  const basic = Buffer.from('me:se cret').toString('base64')
  t.is(receiver.headers.authorization, `Basic ${basic}`)
  await reader.forceFlush()
  t.is(receiver.url, '/v1/metrics')
})

test('a request that hangs, or whose answer never ends, ends with the time for a request', async (t) => {
  for (const hang of ['after', 'endAfter'] as const) {
    const { receiver, reader } = await setUpHttp(t, { settings: { timeout: 200 } })
    const gate = Promise.withResolvers<void>()
    receiver.answers.push({ [hang]: gate.promise, status: 503 })
    await reader.forceFlush()
    t.true((reader.counts.requests.get('TIMEOUT') ?? 0) >= 1)
    t.is(reader.counts.exported, 10)
    gate.resolve()
  }
})

test('a refused request is sent again by the delivery alone', async (t) => {
  const { receiver, reader } = await setUpHttp(t)
  receiver.answers.push({ status: 503 })
  await reader.forceFlush()
  // Longer than the exporter's own first wait.
  await setTimeout(2000)
  t.is(receiver.count, 2)
})

test('a push that is being refused gives up when the next is due', async (t) => {
  const { receiver, reader } = await setUpHttp(t)
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ status: 503, after: gate.promise })
  const first = reader.forceFlush()
  await underWay(receiver)
  const second = reader.forceFlush()
  gate.resolve()
  await Promise.all([first, second])
  t.is(reader.counts.superseded, 10)
  t.is(reader.counts.exported, 10)
})

test('without a receiver, and with one that speaks something else', async (t) => {
  const sleep = () => setTimeout(50)
  const gone = await setUpHttp(t, { settings: { export_timeout: 500 }, sleep })
  gone.receiver.close()
  await gone.reader.forceFlush().catch(() => {})
  const { requests } = gone.reader.counts
  t.deepEqual([...requests.keys()], ['ECONNREFUSED'])

  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end('SSH-2.0-OpenSSH_9.6\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const other = await setUpHttp(t, {
    settings: { endpoint: `http://127.0.0.1:${port}`, export_timeout: 10_000 },
    sleep,
  })
  await other.reader.forceFlush()
  t.deepEqual([...other.reader.counts.requests.keys()], ['HPE_INVALID_CONSTANT'])
})

test('TLS, with certificates on both sides', async (t) => {
  const authority = makeAuthority(t)
  if (authority === undefined) return skip(t, 'there is no openssl')
  const server = authority.issue('server', 'DNS:localhost')
  const client = authority.issue('client', 'DNS:agent')
  const tls = { ca: authority.cert, key: server.privateKey, cert: server.cert, requestCert: true }
  const push = async (files: object) => {
    const { reader } = await setUpHttp(t, {
      settings: { certificate: authority.certificate, export_timeout: 2000, ...files },
      receiver: { tls },
      sleep: () => setTimeout(100),
    })
    await reader.forceFlush()
    return reader.counts
  }
  t.is((await push({})).exported, 0)
  const own = {
    client_key: client.key,
    client_certificate: client.certificate,
    export_timeout: 30_000,
  }
  t.is((await push(own)).exported, 10)
  const { requests } = await push({ certificate: undefined })
  t.true(requests.has('SELF_SIGNED_CERT_IN_CHAIN'))
})
