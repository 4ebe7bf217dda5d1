import test from 'ava'
import { containerId, podUid, somePod } from '../../../support/kube-objects.ts'
import { until } from '../../../support/kube-server.ts'
import { PATIENT, podNames, setUp, watchPods } from './set-up.ts'

test('a list in pages, then what changes', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server } = set
  for (let i = 1; i <= 25; i++) server.put(somePod(i))
  for (let i = 26; i <= 40; i++) server.put(somePod(i, { nodeName: 'node-b' }))
  const { source } = watchPods(t, set, { pageSize: 10 })
  const first = await source.list(PATIENT)
  t.is(first.pods.length, 25)
  t.is(first.containers.length, 25)
  t.is(await source.list(PATIENT), first)
  const [one, ...others] = server.requests.filter(({ kind }) => kind === 'list')
  t.is(others.length, 2)
  t.deepEqual([one?.query.get('resourceVersion'), one?.query.get('limit')], ['0', '10'])
  t.is(one?.query.get('fieldSelector'), 'spec.nodeName=node-a')

  await until(() => server.watches.length === 1)
  server.put(somePod(50))
  server.put(somePod(51, { nodeName: 'node-b' }))
  server.delete(somePod(1))
  server.put(somePod(2, { status: { phase: 'Failed' } }))
  server.put(somePod(3, { status: { containerStatuses: null } }))
  server.put(somePod(4, { metadata: { namespace: '' } }))
  await until(() => source.counts.omitted === 1)
  const { pods, containers } = await source.list(PATIENT)
  const uids = new Set(pods.map(({ uid }) => uid))
  t.is(uids.size, 24)
  t.true(uids.has(podUid(50)) && !uids.has(podUid(1)) && !uids.has(podUid(2)))
  t.false(containers.some(({ id }) => id === containerId(3)))
  t.deepEqual(Object.fromEntries(source.counts.events), { ADDED: 1, MODIFIED: 3, DELETED: 1 })
  t.is(source.counts.failures.size, 0)
})

test('nothing is asked before the first listing, nothing after the end', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server } = set
  const { source } = watchPods(t, set)
  t.deepEqual(server.requests, [])
  await Promise.all([source.list(PATIENT), source.list(PATIENT)])
  await until(() => server.watches.length === 1)
  source.close()
  await until(() => server.watches.length === 0)
  await t.throwsAsync(source.list(PATIENT), { message: /closed/ })
  t.deepEqual(
    server.requests.map(({ kind }) => kind),
    ['list', 'watch'],
  )
})

test('a watch goes on from the last event, bookmarks among them', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server } = set
  server.put(somePod(1))
  const { source } = watchPods(t, set)
  await source.list(PATIENT)
  await until(() => server.watches.length === 1)
  for (let i = 2; i < 10; i++) server.put(somePod(i, { nodeName: 'node-b' }))
  server.watches[0]?.bookmark()
  await until(() => source.counts.events.get('BOOKMARK') === 1)
  // Without the bookmark the next watch would begin before what is forgotten here.
  server.compact('status')
  server.watches[0]?.bookmark()
  await until(() => source.counts.events.get('BOOKMARK') === 2)
  server.watches[0]?.end()
  await until(() => source.counts.watches === 1 && server.watches.length === 1)
  server.put(somePod(20))
  await until(async () => (await podNames(source)).length === 2)
  const watches = server.requests.filter(({ kind }) => kind === 'watch')
  t.deepEqual(
    watches.map(({ query }) => query.get('resourceVersion')),
    ['1001', '1010'],
  )
  t.is(watches[0]?.query.get('allowWatchBookmarks'), 'true')
  t.is(source.counts.lists, 1)
  t.is(source.counts.failures.size, 0)
})

test('the watch asks for a time that varies', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  for (const [random, seconds] of [
    [0, '300'],
    [0.5, '450'],
  ] as const) {
    const { source } = watchPods(t, set, { random: () => random })
    await source.list(PATIENT)
    await until(() => set.server.watches.length === 1)
    t.is(set.server.requests.at(-1)?.query.get('timeoutSeconds'), seconds)
    source.close()
    await until(() => set.server.watches.length === 0)
  }
})

test('without a list there is an error, of each attempt its own', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server } = set
  const gate = { open: () => {} }
  const { source, errors } = watchPods(t, set, {
    sleep: () => new Promise<void>((resolve) => (gate.open = resolve)),
  })
  server.isAllowed = false
  await t.throwsAsync(source.list(PATIENT), { message: /403.*cannot list.*verb list on pods/ })
  await t.throwsAsync(source.list(PATIENT), { message: /403/ })
  t.is(server.requests.length, 1)
  server.token = 'another'
  gate.open()
  await until(() => errors.length === 2)
  await t.throwsAsync(source.list(PATIENT), { message: /401 Unauthorized.*token is not valid/ })
  set.rotate('secret-2')
  server.isAllowed = true
  server.put(somePod(1))
  gate.open()
  await until(() => source.counts.lists === 1)
  t.deepEqual(await podNames(source), ['fluent-bit-1'])
  t.deepEqual(Object.fromEntries(source.counts.failures), { 401: 1, 403: 1 })
})

test('who waits for the first list may go', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server } = set
  server.answers.push({ hangs: true })
  const { source } = watchPods(t, set)
  const impatient = new AbortController()
  const [first, second] = [source.list(impatient.signal), source.list(PATIENT)]
  await until(() => server.requests.length === 1)
  impatient.abort(new Error('enough'))
  await t.throwsAsync(first, { message: 'enough' })
  await t.throwsAsync(source.list(impatient.signal), { message: 'enough' })
  source.close()
  await t.throwsAsync(second, { message: /closed/ })
})
