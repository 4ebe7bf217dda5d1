/** What RFC 9110 and RFC 9112 say of requests, as they come over a socket. */
import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { metricsRoute } from '../../src/web/metrics-route.ts'
import { plainText } from '../../src/web/reply.ts'
import { startWebServer } from '../../src/web/server.ts'
import { limitsWith } from '../support/web-limits.ts'

const LONG = 'metric 1\n'.repeat(1000)

async function serve(t: ExecutionContext): Promise<number> {
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map([
      ['/', () => plainText(200, 'root\n')],
      ['/metrics', metricsRoute({ scrape: async () => LONG, max_scrapes: 2 })],
    ]),
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  return Number(new URL(server.url).port)
}

/** Sends lines as they are and gives the answer's status and headers. */
async function ask(port: number, ...lines: string[]) {
  const socket = connect(port, '127.0.0.1')
  socket.write([...lines, 'Connection: close', '', ''].join('\r\n'))
  let answer = ''
  for await (const chunk of socket.setEncoding('latin1')) answer += chunk
  const [head = '', ...body] = answer.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head, body: body.join('\r\n\r\n') }
}

const ENCODINGS: readonly [string, isGzip: boolean][] = [
  ['gzip', true],
  ['GZIP', true],
  ['x-gzip', true],
  ['*', true],
  ['gzip;q=0.5, identity', true],
  ['gzip ; q = 0.001', true],
  ['*;q=0, gzip', true],
  ['gzip;q=0, *', false],
  ['*, gzip;q=0', false],
  ['gzip;q=0', false],
  ['gzip;q=0.000', false],
  ['*;q=0', false],
  ['identity', false],
  ['', false],
  ['br, deflate', false],
]

for (const [accepted, isGzip] of ENCODINGS) {
  test(`Accept-Encoding: ${accepted} is ${isGzip ? 'gzip' : 'identity'}`, async (t) => {
    const port = await serve(t)
    const lines = ['GET /metrics HTTP/1.1', 'Host: a', `Accept-Encoding: ${accepted}`]
    const { status, head } = await ask(port, ...lines)
    t.is(status, 200)
    t.is(/^content-encoding: gzip$/im.test(head), isGzip)
  })
}

const TARGETS: readonly [string, number, RegExp][] = [
  ['/metrics', 200, /^metric/],
  ['/metrics?a=b', 200, /^metric/],
  ['http://node:9464/metrics', 200, /^metric/],
  ['HTTP://NODE/metrics?name=x', 200, /^metric/],
  ['https://node/metrics', 200, /^metric/],
  ['http://node:9464', 200, /^root/],
  ['http://node?a', 200, /^root/],
  ['http://node:9464/other', 404, /not found/],
  ['*', 404, /not found/],
]

for (const [target, expected, text] of TARGETS) {
  test(`the request target ${target} gives ${expected}`, async (t) => {
    const port = await serve(t)
    const { status, body } = await ask(port, `GET ${target} HTTP/1.1`, 'Host: node:9464')
    t.is(status, expected)
    t.regex(body, text)
  })
}

const HOSTS: readonly [string[], number][] = [
  [['Host: node'], 200],
  [['Host: node:9464'], 200],
  [['Host: [::1]:9464'], 200],
  [['Host: [::1]'], 200],
  [['Host:'], 200],
  [['Host: a', 'Host: b'], 400],
  [['Host: a', 'Host: a'], 400],
  [['Host: a', 'host: b'], 400],
  [['Host: a b'], 400],
  [['Host: a/b'], 400],
  [['Host: user@a'], 400],
  [['Host: a:b'], 400],
  [[], 400],
]

for (const [lines, expected] of HOSTS) {
  test(`${JSON.stringify(lines)} gives ${expected}`, async (t) => {
    const port = await serve(t)
    t.is((await ask(port, 'GET / HTTP/1.1', ...lines)).status, expected)
  })
}

test('HTTP/1.0 needs no Host', async (t) => {
  t.is((await ask(await serve(t), 'GET / HTTP/1.0')).status, 200)
})
