import test, { type ExecutionContext } from 'ava'
import type { KubernetesOptions } from '../../../../src/workloads/sources/kubernetes/kubernetes.ts'
import { somePod, status, watchEvent } from '../../../support/kube-objects.ts'
import { type KubeAnswer, type KubeServer, until } from '../../../support/kube-server.ts'
import { PATIENT, podNames, type Setup, setUp, watchPods } from './set-up.ts'

/** A source that watches one pod. */
async function watching(t: ExecutionContext, options: Partial<KubernetesOptions> = {}) {
  const set = await setUp(t)
  if (set === undefined) return undefined
  set.server.put(somePod(1))
  const watched = watchPods(t, set, options)
  await watched.source.list(PATIENT)
  await until(() => set.server.watches.length === 1)
  return { ...set, ...watched }
}

type Watching = NonNullable<Awaited<ReturnType<typeof watching>>>

/** The source has met this, has had so many lists, and shows what happens now. */
async function recovers(
  t: ExecutionContext,
  { source, server }: Watching,
  failures: Readonly<Record<string, number>>,
  lists: number,
) {
  await until(() => {
    const met = [...source.counts.failures.values()].reduce((sum, count) => sum + count, 0)
    return met >= Object.values(failures).reduce((sum, count) => sum + count, 0)
  })
  await until(() => server.watches.length === 1)
  server.put(somePod(99))
  await until(async () => (await podNames(source)).includes('fluent-bit-99'))
  t.deepEqual(Object.fromEntries(source.counts.failures), failures)
  t.is(source.counts.lists, lists)
}

function kinds({ requests }: KubeServer): string {
  return requests.map(({ kind }) => kind).join(' ')
}

test('a watch that is cut goes on, half a line and all', async (t) => {
  const set = await watching(t)
  if (set === undefined) return
  const { server } = set
  const [watch] = server.watches
  const half = watchEvent('ADDED', JSON.stringify(somePod(2))).slice(0, 100)
  watch?.write(half)
  // What is written is on its way before the connection is cut.
  server.put(somePod(3))
  watch?.cut()
  await until(() => server.watches[0] !== watch && server.watches.length === 1)
  await recovers(t, set, { cut: 1 }, 1)
  t.deepEqual(await podNames(set.source), ['fluent-bit-1', 'fluent-bit-3', 'fluent-bit-99'])
})

test('half a line at an end in good order is no event', async (t) => {
  const set = await watching(t)
  if (set === undefined) return
  const { server, source } = set
  server.watches[0]?.write('{"type":"DELETED","object":{"metadata":{"uid":')
  server.watches[0]?.end()
  await until(() => source.counts.watches === 1)
  await recovers(t, set, {}, 1)
})

for (const how of ['event', 'status'] as const) {
  test(`a version that is gone, said by ${how}: listed again, exactly`, async (t) => {
    const set = await watching(t)
    if (set === undefined) return
    const { server } = set
    const [watch] = server.watches
    watch?.cut()
    // Deleted while nobody watches, and forgotten.
    server.delete(somePod(1))
    server.put(somePod(2))
    server.compact(how)
    await recovers(t, set, { cut: 1, 410: 1 }, 2)
    t.deepEqual(await podNames(set.source), ['fluent-bit-2', 'fluent-bit-99'])
    t.is(kinds(server), 'list watch watch list watch')
    t.is(server.requests[3]?.query.get('resourceVersion'), null)
  })
}

test('a page that is gone: listed again from the first', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server } = set
  for (let i = 1; i <= 3; i++) server.put(somePod(i))
  const page = { kind: 'PodList', metadata: { resourceVersion: '1', continue: 'x' }, items: [] }
  server.answers.push(
    { to: 'list', body: JSON.stringify(page) },
    { to: 'list', status: 410, body: status(410, 'Expired', 'the continue token is too old') },
  )
  const { source } = watchPods(t, set, { pageSize: 2 })
  await t.throwsAsync(source.list(PATIENT), { message: /410.*continue token/ })
  await until(() => source.counts.lists === 1)
  t.is((await podNames(source)).length, 3)
})

const TOO_MANY = status(429, 'TooManyRequests', 'try again later')

test('a server that is busy is given the time that it asks for, within reason', async (t) => {
  const set = await watching(t, { random: () => 0 })
  if (set === undefined) return
  const { server, delays } = set
  const busy = (seconds: string): KubeAnswer => ({
    to: 'watch',
    status: 429,
    headers: { 'retry-after': seconds },
    body: TOO_MANY,
  })
  server.answers.push(busy('7'), busy('86400'), busy('soon'), busy('-1'))
  server.watches[0]?.cut()
  await recovers(t, set, { cut: 1, 429: 4 }, 1)
  t.deepEqual(delays, [500, 7000, 300_000, 4000, 8000])
})

test('refusals and errors of a watch are outlasted, and the picture stays', async (t) => {
  const set = await watching(t)
  if (set === undefined) return
  const { server, source, errors } = set
  server.answers.push(
    { to: 'watch', status: 500, body: status(500, 'InternalError', 'etcdserver: no leader') },
    { to: 'watch', status: 503, body: 'apiserver is shutting down' },
    { to: 'watch', status: 403, body: status(403, 'Forbidden', 'cannot watch resource "pods"') },
    { to: 'watch', status: 401, body: status(401, 'Unauthorized', 'secret-1?') },
    { to: 'watch', body: watchEvent('ERROR', status(500, 'InternalError', 'event lost')) },
  )
  server.watches[0]?.cut()
  t.deepEqual(await podNames(source), ['fluent-bit-1'])
  await recovers(t, set, { cut: 1, 500: 2, 503: 1, 403: 1, 401: 1 }, 1)
  t.regex(errors.join('\n'), /cannot watch resource "pods"; .*verb watch on pods/)
  t.regex(errors.join('\n'), /ended the watch with 500: event lost/)
})

test('garbage in a watch: listed again, for events may be lost', async (t) => {
  const set = await watching(t)
  if (set === undefined) return
  const { server, errors } = set
  server.answers.push({ to: 'watch', body: '<html>\n' }, { to: 'list', body: '[1]' })
  server.watches[0]?.write('secret garbage\n')
  await recovers(t, set, { garbage: 3 }, 3)
  t.false(errors.join().includes('secret'))
})

test('a connection on which nothing comes is given up', async (t) => {
  const set = await watching(t, { watchTimeout: 0, watchMargin: 200 })
  if (set === undefined) return
  const { server, source } = set
  await until(() => (source.counts.failures.get('stalled') ?? 0) >= 2)
  server.put(somePod(2))
  await until(async () => (await podNames(source)).length === 2)
  t.is(source.counts.lists, 1)
  t.deepEqual([...source.counts.failures.keys()], ['stalled'])
})

test('a list on which nothing comes is given up', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { source } = watchPods(t, set, { silence: 200 })
  set.server.answers.push({ hangs: true })
  await t.throwsAsync(source.list(PATIENT), { message: /sent nothing for 200 ms/ })
  await until(() => source.counts.lists === 1)
})

test('a server that only ends watches is asked less and less', async (t) => {
  const slept: number[] = []
  const sleep = async (delay: number) => slept.push(delay)
  const set = await watching(t, { sleep, random: () => 1 })
  if (set === undefined) return
  const { server } = set
  server.answers.push(...Array.from({ length: 6 }, () => ({ to: 'watch' as const })))
  server.watches[0]?.end()
  await recovers(t, set, {}, 1)
  await until(() => slept.length === 7)
  t.deepEqual(slept, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
})

test('the server goes and comes again', async (t) => {
  const set = await watching(t)
  if (set === undefined) return
  const { source, server, errors } = set
  server.close()
  await until(() => errors.length > 3)
  t.deepEqual(await podNames(source), ['fluent-bit-1'])
  t.true((source.counts.failures.get('ECONNREFUSED') ?? 0) > 0)
  await server.reopen()
  await until(() => server.watches.length === 1)
  server.put(somePod(2))
  await until(async () => (await podNames(source)).length === 2)
})

test('a new token serves the next watch', async (t) => {
  const set: (Setup & Watching) | undefined = await watching(t)
  if (set === undefined) return
  const { server, source, rotate } = set
  rotate('secret-2')
  server.put(somePod(2))
  await until(() => source.counts.events.size > 0)
  server.watches[0]?.end()
  await until(() => source.counts.watches === 1)
  await recovers(t, set, {}, 1)
})
