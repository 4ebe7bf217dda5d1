/** The server with passwords, headers and a limit, as the file says at each request. */
import { rmSync } from 'node:fs'
import test from 'ava'
import { hashSync } from 'bcryptjs'
import { Passwords } from '../../../src/web/protection/passwords.ts'
import { TokenBucket } from '../../../src/web/protection/rate-limit.ts'
import { plainText } from '../../../src/web/reply.ts'
import { serveProtected } from '../../support/protected-server.ts'

/** As cheap as bcrypt can be. */
const hash = (password: string) => hashSync(password, 4)

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

async function status(url: string, authorization?: string): Promise<number> {
  const headers = authorization === undefined ? {} : { authorization }
  const { status } = await fetch(`${url}/x`, { headers })
  return status
}

test('only with the password of a user', async (t) => {
  const { url } = await serveProtected(
    t,
    `basic_auth_users:\n  alice: ${hash('a:ß')}\n  bob: ${hash('b').replace('$2b$', '$2y$')}\n`,
  )
  t.is(await status(url, basic('alice', 'a:ß')), 200)
  t.is(await status(url, basic('alice', 'a:ß')), 200, 'again, from memory')
  t.is(await status(url, basic('bob', 'b').replace('Basic', 'bASIC')), 200)
  const wrong = [
    undefined,
    basic('alice', 'b'),
    basic('bob', 'a:ß'),
    basic('carol', 'b'),
    basic('', ''),
    basic('alice', ''),
    basic('__proto__', 'b'),
    'Basic',
    'Basic !',
    `Basic ${Buffer.from('alice').toString('base64')}`,
    `Bearer ${Buffer.from('alice:b').toString('base64')}`,
  ]
  for (const authorization of wrong) t.is(await status(url, authorization), 401, authorization)
})

test('every path asks for it, and says so', async (t) => {
  const { url } = await serveProtected(t, `basic_auth_users: {a: "${hash('p')}"}`, {
    '/': () => plainText(200, ''),
    '/healthz': () => plainText(200, ''),
  })
  for (const [path, method] of [
    ['/', 'GET'],
    ['/healthz', 'HEAD'],
    ['/nothing', 'GET'],
    ['/', 'POST'],
  ] as const) {
    const { status, headers } = await fetch(url + path, { method })
    t.is(status, 401, path)
    t.regex(headers.get('www-authenticate') ?? '', /^Basic realm=/)
  }
})

test('a password that is changed counts at once, and so does a user that is taken away', async (t) => {
  const { url, write, reloads } = await serveProtected(
    t,
    `basic_auth_users: {a: "${hash('old')}", b: "${hash('b')}"}`,
  )
  t.is(await status(url, basic('a', 'old')), 200)
  t.is(await status(url, basic('b', 'b')), 200)
  write(`basic_auth_users: {a: "${hash('new')}"}`)
  t.is(await status(url, basic('a', 'old')), 401)
  t.is(await status(url, basic('a', 'new')), 200)
  t.is(await status(url, basic('b', 'b')), 401)
  write('')
  t.is(await status(url), 200)
  t.deepEqual(reloads, [undefined, undefined])
})

test('while the file is wrong the one before counts, which is said once', async (t) => {
  const right = `basic_auth_users: {a: "${hash('p')}"}`
  const { url, write, path, reloads } = await serveProtected(t, right)
  write('basic_auth_users: {a: plain}')
  for (let round = 0; round < 3; round++) {
    t.is(await status(url), 401)
    t.is(await status(url, basic('a', 'p')), 200)
  }
  t.is(reloads.length, 1)
  t.regex(reloads[0] ?? '', /web\.yml:1:23: the password of "a" must be a bcrypt hash/)
  rmSync(path)
  for (let round = 0; round < 3; round++) t.is(await status(url), 401)
  t.is(reloads.length, 2)
  t.regex(reloads[1] ?? '', /can't be read: ENOENT/)
  write(right)
  t.is(await status(url, basic('a', 'p')), 200)
  t.is(reloads.length, 3)
  t.is(reloads[2], undefined)
})

test('headers are those of the file, on every answer', async (t) => {
  const { url, write } = await serveProtected(
    t,
    'http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1, X-XSS-Protection: ""}}',
  )
  const seen = async (path: string) => {
    const { headers } = await fetch(url + path)
    return ['x-frame-options', 'strict-transport-security', 'x-xss-protection'].map((name) =>
      headers.get(name),
    )
  }
  t.deepEqual(await seen('/x'), ['deny', 'max-age=1', null])
  t.deepEqual(await seen('/nothing'), ['deny', 'max-age=1', null])
  write(
    `http_server_config: {headers: {X-Frame-Options: sameorigin}}\nbasic_auth_users: {a: "${hash('p')}"}`,
  )
  t.deepEqual(await seen('/x'), ['sameorigin', null, null])
})

test('no more requests than the limit allows', async (t) => {
  const { url, write } = await serveProtected(t, 'rate_limit: {interval: 1h, burst: 2}')
  t.is(await status(url), 200)
  t.is(await status(url), 200)
  t.is(await status(url), 429)
  write('rate_limit: {interval: 0s, burst: 2}')
  t.is(await status(url), 200)
})

test('a bucket fills with time, up to its burst', (t) => {
  const bucket = new TokenBucket()
  const limit = { interval: 100, burst: 2 }
  const taken = (...times: number[]) => times.map((time) => bucket.take({ ...limit }, time))
  t.deepEqual(taken(0, 0, 0, 50, 99), [true, true, false, false, false])
  t.deepEqual(taken(100, 100, 150, 200), [true, false, false, true])
  t.deepEqual(taken(10_000, 10_000, 10_000), [true, true, false])
  t.true(bucket.take({ interval: 100, burst: 1 }, 10_000))
  t.true(bucket.take(undefined, 10_000))
})

test('an unknown user does not come in with the password of another', async (t) => {
  const passwords = new Passwords()
  const users = new Map([['a', hash('p')]])
  t.false(await passwords.check(users, { user: 'b', password: 'p' }))
  t.true(await passwords.check(users, { user: 'a', password: 'p' }))
  t.false(await passwords.check(users, { user: 'b', password: 'p' }))
})

test('guesses wait for their turn up to a number; who is known passes by', async (t) => {
  const passwords = new Passwords()
  const users = new Map([['a', hash('p')]])
  const right = { user: 'a', password: 'p' }
  t.true(await passwords.check(users, right))
  const guesses = Array.from({ length: 17 }, (_, index) =>
    passwords.check(users, { user: 'a', password: String(index) }),
  )
  t.true(await passwords.check(users, right))
  const answers = await Promise.all(guesses)
  t.deepEqual(answers.slice(0, 16), Array(16).fill(false))
  t.is(answers[16], undefined)
  t.false(await passwords.check(users, { user: 'a', password: '16' }))
})

test('a check that fails does not end those that follow', async (t) => {
  const passwords = new Passwords()
  const right = { user: 'a', password: 'p' }
  const broken = new Map([['a', 5 as unknown as string]])
  await t.throwsAsync(passwords.check(broken, right))
  t.true(await passwords.check(new Map([['a', hash('p')]]), right))
})

test('what is remembered is bounded', async (t) => {
  const passwords = new Passwords()
  const many = Array.from({ length: 101 }, (_, index) => String(index))
  const users = new Map(many.map((name) => [name, hash(name)]))
  for (const name of many) t.true(await passwords.check(users, { user: name, password: name }))
  const fill = Array.from({ length: 16 }, () =>
    passwords.check(users, { user: 'x', password: 'x' }),
  )
  // With every place taken, an answer is one from memory.
  t.is(await passwords.check(users, { user: '0', password: '0' }), undefined)
  t.true(await passwords.check(users, { user: '1', password: '1' }))
  await Promise.all(fill)
})
