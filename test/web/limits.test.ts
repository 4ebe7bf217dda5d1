/** What clients may ask of the server. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { metricsRoute } from '../../src/web/metrics-route.ts'
import { plainText, type Route } from '../../src/web/reply.ts'
import { startWebServer, type WebLimits } from '../../src/web/server.ts'
import { limitsWith } from '../support/web-limits.ts'

const SHORT = 200
/** More than the kernel keeps for a connection. */
const HUGE = 'x'.repeat(32 * 1024 * 1024)

async function serve(t: ExecutionContext, limits: Partial<WebLimits>, metrics = 'metric 1\n') {
  const routes = new Map<string, Route>([
    ['/x', () => plainText(200, 'hello\n')],
    ['/metrics', metricsRoute({ scrape: async () => metrics, max_scrapes: 1 })],
  ])
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes,
    limits: limitsWith(limits),
  })
  t.teardown(() => server.close(100))
  return server.url
}

function open(t: ExecutionContext, url: string, text = ''): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  // A connection that is cut may break.
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write(text)
  return socket
}

/** What the server says until it closes the connection. */
async function answer(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  // A connection that is cut may break first, which once() would take for a failure.
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

async function status(url: string): Promise<number> {
  const response = await fetch(url)
  await response.text()
  return response.status
}

for (const text of [
  '',
  'GET /x HT',
  'GET /x HTTP/1.1\r\nHost: x\r\n',
  'POST /x HTTP/1.1\r\nContent-Le',
]) {
  test(`who does not go on asking after ${JSON.stringify(text)} is cut off`, async (t) => {
    const url = await serve(t, { request_timeout: SHORT })
    t.regex(await answer(open(t, url, text)), /^HTTP\/1\.1 408 /)
  })
}

test('a body that nobody wants to read is not waited for', async (t) => {
  const url = await serve(t, {})
  const head = 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n'
  const text = await answer(open(t, url, `${head}x`))
  t.regex(text, /^HTTP\/1\.1 405 /)
  t.regex(text, /\r\nConnection: close\r\n/)
})

test('a request that is too large is refused', async (t) => {
  const url = await serve(t, { max_request_size: 1024 })
  const ask = (size: number) =>
    fetch(`${url}/x`, { headers: { x: 'x'.repeat(size) } }).then((response) => response.status)
  t.is(await ask(500), 200)
  t.is(await ask(1100), 431)
})

test('connections that are too many are refused, and the others served', async (t) => {
  const url = await serve(t, { max_connections: 2 })
  const [one, two] = [open(t, url), open(t, url)]
  await Promise.all([once(one, 'connect'), once(two, 'connect')])
  t.is(await answer(open(t, url, 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n')), '')
  two.destroy()
  one.write('GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.regex(await answer(one), /hello/)
  t.is(await status(`${url}/x`), 200)
})

test('a scrape lasts until its client has the answer, but not for ever', async (t) => {
  const url = await serve(t, { response_timeout: 2000 }, HUGE)
  const deaf = open(t, url, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(deaf, 'readable')
  deaf.pause()
  t.is(await status(`${url}/metrics`), 503)
  // It is cut off, and its place is free.
  while ((await status(`${url}/metrics`)) === 503) await delay(20)
  t.is(await status(`${url}/metrics`), 200)
})

test('a scrape whose client has left counts no more', async (t) => {
  const gate = Promise.withResolvers<string>()
  let asked = 0
  const scrape = () => {
    asked++
    return asked === 1 ? gate.promise : Promise.resolve('metric 1\n')
  }
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map([['/metrics', metricsRoute({ scrape, max_scrapes: 1 })]]),
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  const socket = open(t, server.url, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  while (asked === 0) await delay(5)
  socket.destroy()
  t.is(await status(`${server.url}/metrics`), 503)
  gate.resolve('metric 1\n')
  while ((await status(`${server.url}/metrics`)) === 503) await delay(5)
  t.pass()
})
