/** Clients of a web server that are slow, broken or hostile, generated from a seed. */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectSecurely } from 'node:tls'
import type { Dice } from '../support/random.ts'
import { word } from './config-values.ts'
import { damaged, noise } from './damage.ts'

export interface Target {
  readonly port: number
  readonly isSecure: boolean
}

/** What became of a client. */
export interface Meeting {
  readonly sent: Buffer
  readonly received: string
  /** Whether it was answered or cut off; one that leaves by itself needs neither. */
  readonly isSettled: boolean
}

const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PRI',
  'get',
  'G\0T',
  '',
]
const PATHS = [
  '/metrics',
  '/metrics',
  '/',
  '/psi',
  '/psi?format=json',
  '/healthz',
  '/readyz',
  '/metrics?a=%zz',
  '/metrics/',
  '//metrics',
  '/../metrics',
  '/%6detrics',
  '/metrics#x',
  '*',
  'http://x/metrics',
  'http://[/',
  '/constructor',
  '/psi?format=%ff&format=x',
  '/é',
  '/\x01',
  '',
  'metrics',
  `/${'a'.repeat(9000)}`,
  `/psi?${'a&'.repeat(1500)}`,
]
const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/0.9',
  'HTTP/9.9',
  'HTCPCP/1.0',
  '',
]
const HEADERS: readonly ((dice: Dice) => string)[] = [
  (dice) =>
    `Accept: ${dice.pick(['*/*', 'text/plain', 'application/openmetrics-text;version=1.0.0', ',;;q=,=', 'a;q=NaN', 'text/*;q=-1', ';'.repeat(2000)])}`,
  (dice) =>
    `Accept-Encoding: ${dice.pick(['gzip', '*', 'gzip;q=0', 'gzip;q=x', ',,,', 'br, gzip;q=1e9'])}`,
  (dice) =>
    `X-Prometheus-Scrape-Timeout-Seconds: ${dice.pick(['0.001', '1e300', '-1', 'NaN', 'Infinity', '0', '4294967296'])}`,
  (dice) =>
    `Authorization: ${dice.pick(['Basic', 'Basic =', 'Basic YTpi', 'Bearer x', `Basic ${'Y'.repeat(3000)}`])}`,
  (dice) => `Connection: ${dice.pick(['close', 'keep-alive', 'Upgrade, HTTP2-Settings', 'x'])}`,
  (dice) => `Upgrade: ${dice.pick(['websocket', 'h2c', ''])}`,
  (dice) => `Expect: ${dice.pick(['100-continue', '200-ok'])}`,
  (dice) =>
    `Content-Length: ${dice.pick(['0', '5', '-1', '5, 6', '99999999999999999999', '0x5', ''])}`,
  (dice) =>
    `Transfer-Encoding: ${dice.pick(['chunked', 'chunked, chunked', 'gzip', 'identity', 'xchunked'])}`,
  (dice) => `Host: ${dice.pick(['x', '', 'a b', '[::1', word(dice).slice(0, 100)])}`,
  (dice) =>
    `${dice.pick(['X', 'X Y', '', ':', 'é', '__proto__', 'constructor'])}: ${word(dice).slice(0, 200)}`,
  (dice) => `X: ${'x'.repeat(dice.pick([1000, 5000, 100_000]))}`,
  (dice) =>
    Array.from({ length: dice.pick([100, 3000]) }, (_, index) => `X${index}: 1`).join('\r\n'),
  () => ' folded',
]
const BODIES = [
  '',
  '',
  'x',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '-1\r\n',
  'x'.repeat(200_000),
]

/** Milliseconds for which a client waits until it takes itself for forgotten. */
const PATIENCE = 20_000

/** Makes up a client; it does what it does when it is called. */
export function hostileClient(dice: Dice, target: Target): () => Promise<Meeting> {
  const isGarbage = dice.chance(target.isSecure ? 0.4 : 0.15)
  const content = isGarbage ? garbage(dice) : requests(dice)
  return () => meet(dice, target, content, isGarbage)
}

async function meet(
  dice: Dice,
  { port, isSecure }: Target,
  content: Buffer,
  isGarbage: boolean,
): Promise<Meeting> {
  const plain = connect(port, '127.0.0.1')
  plain.on('error', () => {})
  const socket =
    isSecure && !isGarbage ? connectSecurely({ socket: plain, rejectUnauthorized: false }) : plain
  // That a connection breaks is what these clients are for.
  socket.on('error', () => {})
  let received = ''
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      resolve()
    })
    socket.on('close', () => resolve())
  })
  const isDeaf = dice.chance(0.15)
  if (isDeaf) socket.pause()
  await send(dice, socket, content)
  const mayLeave = isDeaf || dice.chance(0.3)
  const isHalfClosed = dice.chance(0.3)
  if (isHalfClosed) socket.end()
  const timer = new AbortController()
  const settled = await Promise.race([
    answered.then(() => true),
    delay(mayLeave ? dice.integer(0, 300) : PATIENCE, false, { signal: timer.signal }).catch(
      () => false,
    ),
  ])
  timer.abort()
  // The rest of an answer that is on its way.
  if (settled && !mayLeave) await Promise.race([closed(socket), delay(100)])
  socket.destroy()
  plain.destroy()
  await closed(plain)
  return { sent: content, received, isSettled: settled || mayLeave }
}

function closed(socket: Socket): Promise<void> {
  return socket.closed
    ? Promise.resolve()
    : new Promise((resolve) => socket.once('close', () => resolve()))
}

/** In one piece or several, or only a part of it. */
async function send(dice: Dice, socket: Socket, content: Buffer): Promise<void> {
  let rest = dice.chance(0.3) ? content.subarray(0, dice.integer(0, content.length)) : content
  for (let pieces = dice.pick([0, 0, 3, 8]); pieces > 0 && rest.length > 1; pieces--) {
    const at = dice.integer(1, Math.min(rest.length, 50))
    socket.write(rest.subarray(0, at))
    rest = rest.subarray(at)
    await delay(dice.pick([0, 1, 20]))
  }
  if (rest.length > 0) socket.write(rest)
}

/** One request, or several at once. */
function requests(dice: Dice): Buffer {
  const count = dice.chance(0.1) ? dice.integer(2, 50) : 1
  const bytes = Buffer.from(Array.from({ length: count }, () => request(dice)).join(''))
  return dice.chance(0.1) ? damaged(dice, bytes) : bytes
}

function request(dice: Dice): string {
  const isPlain = dice.chance(0.3)
  const headers = isPlain ? ['Host: x'] : dice.list(0, 5, () => dice.pick(HEADERS)(dice))
  const newline = dice.chance(0.95) ? '\r\n' : dice.pick(['\n', '\r', '\r\r\n'])
  const line = isPlain
    ? `GET ${dice.pick(PATHS)} HTTP/1.1`
    : `${dice.pick(METHODS)} ${dice.pick(PATHS)} ${dice.pick(VERSIONS)}`
  const body = isPlain ? '' : dice.pick(BODIES)
  return [line, ...headers, '', body].join(newline)
}

/** What is neither HTTP nor TLS, or begins as if it were. */
function garbage(dice: Dice): Buffer {
  const length = dice.pick([0, 5, 300, 16_384, 65_535])
  const record = Buffer.from([
    dice.pick([0x16, 0x14, 0x15, 0x17, 0x80]),
    3,
    dice.integer(0, 4),
    length >> 8,
    length & 255,
  ])
  return dice.pick([
    () => noise(dice, 5000),
    () => Buffer.concat([record, noise(dice, 500)]),
    () =>
      Buffer.concat([record, Buffer.from([1, 0, 0, dice.integer(0, 255), 3, 3]), noise(dice, 300)]),
    () => Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'),
    () => Buffer.alloc(0),
  ])()
}
