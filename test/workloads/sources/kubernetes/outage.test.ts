/** An outage of the API server as the agent's metrics and log show it. */
import test, { type ExecutionContext } from 'ava'
import { NameResolver } from '../../../../src/workloads/name-resolver.ts'
import type { KubernetesOptions } from '../../../../src/workloads/sources/kubernetes/kubernetes.ts'
import { podUid, somePod, status, watchEvent } from '../../../support/kube-objects.ts'
import { until } from '../../../support/kube-server.ts'
import { setUp, watchPods } from './set-up.ts'

/** A resolver over an API server that is watched, and its log lines. */
async function directoryOf(t: ExecutionContext, options: Partial<KubernetesOptions> = {}) {
  const set = await setUp(t)
  if (set === undefined) return undefined
  set.server.put(somePod(1))
  const { source } = watchPods(t, set, options)
  const log: string[] = []
  const resolver = new NameResolver({
    sources: [source],
    onChange: (name, failure) => log.push(`${name}: ${failure?.message ?? 'recovered'}`),
  })
  const [cache] = resolver.sources
  return { ...set, source, resolver, log, cache }
}

test('an API server that goes away is a failure until it is watched again', async (t) => {
  const set = await directoryOf(t)
  if (set === undefined) return
  const { server, resolver, log, cache } = set
  await resolver.refresh()
  await until(() => server.watches.length === 1)
  t.is(cache.failure, undefined)
  t.deepEqual(cache.counts, { lists: 1, failures: 0 })
  server.close()
  await until(() => cache.counts.failures > 3)
  await resolver.refresh()
  // What is known stays, and to give it again is no list.
  t.is(resolver.pod(podUid(1))?.name, 'fluent-bit-1')
  t.is(cache.counts.lists, 1)
  t.truthy(cache.failure)
  t.is(log.length, 1, log.join('\n'))
  await server.reopen()
  await until(() => server.watches.length === 1)
  server.watches[0]?.bookmark()
  await until(() => cache.failure === undefined)
  t.is(log.length, 2)
  t.is(log[1], 'kubernetes: recovered')
})

test('a watch that is refused is a failure although the list succeeded', async (t) => {
  const set = await directoryOf(t)
  if (set === undefined) return
  const { server, resolver, log, cache } = set
  const refused = {
    to: 'watch' as const,
    status: 403,
    body: status(403, 'Forbidden', 'cannot watch resource "pods"'),
  }
  server.answers.push(...Array.from({ length: 10_000 }, () => refused))
  await resolver.refresh()
  await until(() => cache.counts.failures > 3)
  await resolver.refresh()
  t.regex(cache.failure?.message ?? '', /verb watch on pods/)
  t.is(log.length, 1)
  server.answers.length = 0
  await until(() => server.watches.length === 1)
  server.put(somePod(2))
  await until(() => cache.failure === undefined)
  t.is(log.length, 2)
})

test('rights that are taken away while it runs are a failure', async (t) => {
  const set = await directoryOf(t)
  if (set === undefined) return
  const { server, resolver, cache } = set
  await resolver.refresh()
  await until(() => server.watches.length === 1)
  server.isAllowed = false
  server.watches[0]?.end()
  await until(() => cache.counts.failures > 0)
  t.regex(cache.failure?.message ?? '', /403.*verb watch on pods/)
})

test('a watch that is accepted and then ends with an error has not recovered', async (t) => {
  const set = await directoryOf(t)
  if (set === undefined) return
  const { server, resolver, log, cache } = set
  const error = status(500, 'InternalError', 'etcdserver: no leader')
  const ended = { to: 'watch' as const, body: watchEvent('ERROR', error) }
  server.answers.push(ended, ended, ended)
  await resolver.refresh()
  await until(() => cache.counts.failures === 3 && server.watches.length === 1)
  t.is(log.length, 1)
  t.regex(log[0], /no leader/)
})

test('a quiet watch has recovered when it has stood for a while', async (t) => {
  const set = await directoryOf(t, { settleTime: 1 })
  if (set === undefined) return
  const { server, resolver, log, cache } = set
  server.answers.push({ to: 'list', status: 503, body: 'shutting down' })
  await resolver.refresh()
  await until(() => log.length === 2)
  t.is(cache.failure, undefined)
  t.deepEqual(cache.counts, { lists: 1, failures: 1 })
})

test('a version that expired is no failure, for the next list brings everything', async (t) => {
  const set = await directoryOf(t)
  if (set === undefined) return
  const { server, resolver, log, cache } = set
  await resolver.refresh()
  await until(() => server.watches.length === 1)
  server.compact('event')
  server.watches[0]?.end()
  await until(() => cache.counts.lists === 2)
  t.deepEqual(log, [])
  t.is(cache.counts.failures, 0)
})
