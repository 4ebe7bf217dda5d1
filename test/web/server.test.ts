import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import type { Format } from '../../src/telemetry/prometheus/formats.ts'
import { metricsRoute } from '../../src/web/metrics-route.ts'
import { plainText, type Route } from '../../src/web/reply.ts'
import { startWebServer } from '../../src/web/server.ts'
import { limitsWith } from '../support/web-limits.ts'

const LONG = `${'metric 1\n'.repeat(1000)}`

async function serve(t: ExecutionContext, routes: Record<string, Route>) {
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map(Object.entries(routes)),
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  return server
}

function metrics(
  scrape: (format: Format) => Promise<string>,
  maxScrapes = 2,
): Record<string, Route> {
  return { '/metrics': metricsRoute({ scrape, max_scrapes: maxScrapes }) }
}

test('GET and HEAD, and nothing else', async (t) => {
  const { url } = await serve(t, { '/x': () => plainText(200, 'hello\n') })
  const get = await fetch(`${url}/x?query`)
  t.is(await get.text(), 'hello\n')
  const head = await fetch(`${url}/x`, { method: 'HEAD' })
  t.is(head.headers.get('content-length'), '6')
  t.is(await head.text(), '')
  const post = await fetch(`${url}/x`, { method: 'POST', body: 'x' })
  t.is(post.status, 405)
  t.is(post.headers.get('allow'), 'GET, HEAD')
  const other = await fetch(`${url}/other`)
  t.is(other.status, 404)
  t.regex(await other.text(), /\/x/)
})

test('a route that fails is an error of ours, not a crash', async (t) => {
  const { url } = await serve(t, {
    '/x': () => {
      throw new Error('secret')
    },
  })
  const response = await fetch(`${url}/x`)
  t.is(response.status, 500)
  t.notRegex(await response.text(), /secret/)
})

const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'

for (const [accept, isOpenMetrics] of [
  [undefined, false],
  ['*/*', false],
  [PROMETHEUS, true],
  ['application/openmetrics-text', true],
  ['application/openmetrics-text; version="1.0.0"', true],
  ['application/openmetrics-text;version=0.0.1', false],
  ['application/openmetrics-text;version=1.0.0;q=0.1, text/plain', false],
  ['application/openmetrics-text;q=0, text/plain;q=0', false],
  ['text/html,;;q=,=', false],
] as const) {
  test(`who accepts ${accept} gets ${isOpenMetrics ? 'OpenMetrics' : 'text'}`, async (t) => {
    const { url } = await serve(
      t,
      metrics(async (format) => `1\n${format.end}`),
    )
    const headers: Record<string, string> = accept === undefined ? {} : { accept }
    const response = await fetch(`${url}/metrics`, { headers })
    t.is(
      response.headers.get('content-type'),
      isOpenMetrics
        ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
        : 'text/plain; version=0.0.4; charset=utf-8',
    )
    t.is(await response.text(), isOpenMetrics ? '1\n# EOF\n' : '1\n')
  })
}

test('metrics are compressed for those who take it', async (t) => {
  const { url } = await serve(
    t,
    metrics(async () => LONG),
  )
  const raw = async (encoding: string) => {
    const response = await rawGet(url, `Accept-Encoding: ${encoding}`)
    return response
  }
  const compressed = await raw('gzip')
  t.regex(compressed.head, /Content-Encoding: gzip/)
  t.is(gunzipSync(compressed.body).toString(), LONG)
  for (const encoding of ['identity', 'gzip;q=0', 'br']) {
    const plain = await raw(encoding)
    t.notRegex(plain.head, /Content-Encoding/, encoding)
    t.is(plain.body.toString(), LONG, encoding)
  }
  t.regex((await raw('br;q=1.0, gzip;q=0.5')).head, /Content-Encoding: gzip/)
})

test('without a snapshot in time the answer is 503, as Prometheus wants it', async (t) => {
  const { url } = await serve(
    t,
    metrics(() => new Promise(() => {})),
  )
  const headers = { 'X-Prometheus-Scrape-Timeout-Seconds': '0.05' }
  const response = await fetch(`${url}/metrics`, { headers })
  t.is(response.status, 503)
  t.is(response.headers.get('retry-after'), '1')
  t.regex(await response.text(), /no snapshot within 0\.05 s/)
})

test('a scrape that fails is 503 too', async (t) => {
  const { url } = await serve(
    t,
    metrics(() => Promise.reject(new Error('no'))),
  )
  t.is((await fetch(`${url}/metrics`)).status, 503)
})

test('no more scrapes at a time than allowed', async (t) => {
  const gate = Promise.withResolvers<string>()
  const { url } = await serve(
    t,
    metrics(() => gate.promise, 2),
  )
  const first = [fetch(`${url}/metrics`), fetch(`${url}/metrics`)]
  let third = 200
  // The first two have to have arrived.
  while (third !== 503) {
    third = await Promise.race([
      fetch(`${url}/metrics`).then(({ status }) => status),
      delay(100, 0),
    ])
  }
  gate.resolve('metric 1\n')
  t.deepEqual(
    (await Promise.all(first)).map(({ status }) => status),
    [200, 200],
  )
  t.is((await fetch(`${url}/metrics`)).status, 200)
})

test('closing waits for requests under way, but not for ever', async (t) => {
  const gate = Promise.withResolvers<void>()
  const isAsked = Promise.withResolvers<void>()
  const slow = () => {
    isAsked.resolve()
    return gate.promise.then(() => plainText(200, 'done'))
  }
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map([['/slow', slow]]),
    limits: limitsWith(),
  })
  const answer = fetch(`${server.url}/slow`)
  await isAsked.promise
  const closing = server.close(5000)
  gate.resolve()
  t.is(await (await answer).text(), 'done')
  await closing
  const isStuck = Promise.withResolvers<void>()
  const never = () => {
    isStuck.resolve()
    return new Promise<never>(() => {})
  }
  const stuck = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map([['/never', never]]),
    limits: limitsWith(),
  })
  const refused = t.throwsAsync(fetch(`${stuck.url}/never`))
  await isStuck.promise
  await stuck.close(10)
  await refused
})

/** An answer as it comes over the wire. */
function rawGet(url: string, header: string): Promise<{ head: string; body: Buffer }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('end', () => {
      const all = Buffer.concat(chunks)
      const end = all.indexOf('\r\n\r\n')
      resolve({ head: all.toString('latin1', 0, end), body: all.subarray(end + 4) })
    })
    socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\n${header}\r\nConnection: close\r\n\r\n`)
  })
}
