import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import test from 'ava'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { TestSource, testContainer, testPod } from '../support/name-source.ts'

/** Waits until a condition holds. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(5)
}

test('asking never waits, and who is unknown is looked up at once', async (t) => {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  source.containers = [testContainer('a', 'main', testPod('web'))]
  t.is(resolver.container('a'), undefined)
  t.is(resolver.container('b'), undefined)
  await until(() => resolver.version > 0)
  t.is(resolver.container('a')?.pod?.name, 'web')
  t.is(source.asked, 1)
})

test('who stays unknown is looked up again, but not at every question', async (t) => {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  await resolver.refresh()
  resolver.container('late')
  await until(() => source.asked === 2)
  for (let question = 0; question < 100; question++) resolver.container('late')
  // A round begins in the turn of the event loop after the question.
  await immediate()
  await immediate()
  t.is(source.asked, 2)
  source.containers = [testContainer('late', 'x')]
  await until(() => resolver.container('late') !== undefined)
  t.is(source.asked, 3)
})

test('the first source that knows is believed, others are asked for the rest', async (t) => {
  const [first, second] = [new TestSource('first'), new TestSource('second')]
  const resolver = new NameResolver({ sources: [first, second] })
  first.containers = [testContainer('a', 'from first')]
  second.containers = [testContainer('a', 'from second'), testContainer('b', 'from second')]
  second.pods = [testPod('p', { cgroupUid: 'hash' })]
  await resolver.refresh()
  t.is(resolver.container('a')?.name, 'from first')
  t.is(resolver.container('b')?.name, 'from second')
  t.is(resolver.pod('hash')?.name, 'p')
})

test('a source that goes away is said once; its names stay until it says otherwise', async (t) => {
  const source = new TestSource('cri')
  const said: string[] = []
  const resolver = new NameResolver({
    sources: [source],
    grace: 0,
    onChange: (name, failure) => said.push(`${name}: ${failure?.message ?? 'well'}`),
  })
  source.containers = [testContainer('a', 'main')]
  await resolver.refresh()
  source.failure = new Error('gone')
  await resolver.refresh()
  await resolver.refresh()
  t.is(resolver.container('a')?.name, 'main')
  t.deepEqual(said, ['cri: gone'])
  t.like(resolver.sources[0], { counts: { lists: 1, failures: 2 }, size: 1 })
  source.failure = undefined
  source.containers = []
  await delay(2)
  await resolver.refresh()
  t.deepEqual(said, ['cri: gone', 'cri: well'])
  t.is(resolver.sources[0].size, 0)
})

test('the version rises only with a change', async (t) => {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  const listed = () => [
    testContainer('a', 'x', testPod('p', { labels: new Map([['app', 'web']]) })),
  ]
  source.containers = listed()
  await resolver.refresh()
  const { version } = resolver
  source.containers = listed()
  await resolver.refresh()
  t.is(resolver.version, version)
  source.containers = [testContainer('a', 'x', testPod('p', { labels: new Map([['app', 'api']]) }))]
  await resolver.refresh()
  t.is(resolver.version, version + 1)
  t.is(resolver.container('a')?.pod?.labels.get('app'), 'api')
})

test('a name outlives its container for a while, so that its last collection has it', async (t) => {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source], grace: 60_000 })
  source.containers = [testContainer('a', 'main')]
  await resolver.refresh()
  source.containers = []
  await resolver.refresh()
  t.is(resolver.container('a')?.name, 'main')
})

test('without sources nobody is asked, and closing closes them', async (t) => {
  const empty = new NameResolver({ sources: [] })
  t.is(empty.container('a'), undefined)
  await empty.refresh()
  t.is(empty.version, 0)
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  resolver.close()
  t.true(source.isClosed)
  await resolver.refresh()
  t.is(source.asked, 0)
})

test('a collection that meets a new container waits for its name, and no longer than it was told', async (t) => {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  await resolver.refresh()
  source.containers = [testContainer('new', 'main', testPod('web'))]
  t.is(resolver.container('new'), undefined)
  await resolver.settle(60_000)
  t.is(resolver.container('new')?.name, 'main')
  const { asked } = source
  await resolver.settle(60_000)
  t.is(source.asked, asked)

  const silent = new TestSource()
  silent.list = () => new Promise(() => {})
  const waiting = new NameResolver({ sources: [silent] })
  waiting.container('new')
  await waiting.settle(1)
  t.is(waiting.container('new'), undefined)
})

test('a new container that a source learns of later is asked for again by itself', async (t) => {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  t.teardown(() => resolver.close())
  resolver.container('late')
  await until(() => source.asked === 1)
  source.containers = [testContainer('late', 'main')]
  await until(() => resolver.version > 0)
  t.is(resolver.container('late')?.name, 'main')
})

test('what a source without sandboxes does not list, in a pod that it knows, is the sandbox', async (t) => {
  const web = testPod('web', { cgroupUid: 'uid' })
  const source = Object.assign(new TestSource('kubernetes'), { hidesSandboxes: true })
  source.pods = [web]
  const resolver = new NameResolver({ sources: [source], sandboxAge: 0, grace: 0 })
  t.teardown(() => resolver.close())
  await resolver.refresh()
  resolver.container('pause', 'uid')
  resolver.container('of another', 'other')
  await until(() => resolver.container('pause', 'uid') !== undefined)
  t.like(resolver.container('pause', 'uid'), { isSandbox: true, pod: { name: 'web' } })
  t.is(resolver.container('of another', 'other'), undefined)

  // It was a container whose status came late.
  source.containers = [testContainer('pause', 'main', web)]
  await resolver.refresh()
  t.is(resolver.container('pause', 'uid')?.isSandbox, false)
  // Its pod has ended.
  source.containers = []
  source.pods = []
  await delay(2)
  await resolver.refresh()
  t.is(resolver.container('pause', 'uid'), undefined)

  const failing = Object.assign(new TestSource('kubelet'), { hidesSandboxes: true })
  failing.pods = [web]
  const unsure = new NameResolver({ sources: [failing], sandboxAge: 0 })
  t.teardown(() => unsure.close())
  await unsure.refresh()
  failing.failure = new Error('gone')
  unsure.container('pause', 'uid')
  await until(() => failing.asked === 2)
  await delay(5)
  t.is(unsure.container('pause', 'uid'), undefined)
})
