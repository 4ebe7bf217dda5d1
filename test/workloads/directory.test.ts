import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { Directory } from '../../src/workloads/directory.ts'
import { TestSource, testContainer, testPod } from '../support/name-source.ts'

/** Waits until a condition holds. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(5)
}

test('asking never waits, and who is unknown is looked up at once', async (t) => {
  const source = new TestSource()
  const directory = new Directory({ sources: [source] })
  source.containers = [testContainer('a', 'main', testPod('web'))]
  t.is(directory.container('a'), undefined)
  t.is(directory.container('b'), undefined)
  await until(() => directory.version > 0)
  t.is(directory.container('a')?.pod?.name, 'web')
  t.is(source.asked, 1)
})

test('who stays unknown is looked up again, but not at every question', async (t) => {
  const source = new TestSource()
  const directory = new Directory({ sources: [source] })
  await directory.refresh()
  directory.container('late')
  await until(() => source.asked === 2)
  for (let question = 0; question < 100; question++) directory.container('late')
  await delay(20)
  t.is(source.asked, 2)
  source.containers = [testContainer('late', 'x')]
  await until(() => directory.container('late') !== undefined)
  t.is(source.asked, 3)
})

test('the first source that knows is believed, others are asked for the rest', async (t) => {
  const [first, second] = [new TestSource('first'), new TestSource('second')]
  const directory = new Directory({ sources: [first, second] })
  first.containers = [testContainer('a', 'from first')]
  second.containers = [testContainer('a', 'from second'), testContainer('b', 'from second')]
  second.pods = [testPod('p', { cgroupUid: 'hash' })]
  await directory.refresh()
  t.is(directory.container('a')?.name, 'from first')
  t.is(directory.container('b')?.name, 'from second')
  t.is(directory.pod('hash')?.name, 'p')
})

test('a source that goes away is said once; its names stay until it says otherwise', async (t) => {
  const source = new TestSource('cri')
  const said: string[] = []
  const directory = new Directory({
    sources: [source],
    grace: 0,
    onChange: (name, failure) => said.push(`${name}: ${failure?.message ?? 'well'}`),
  })
  source.containers = [testContainer('a', 'main')]
  await directory.refresh()
  source.failure = new Error('gone')
  await directory.refresh()
  await directory.refresh()
  t.is(directory.container('a')?.name, 'main')
  t.deepEqual(said, ['cri: gone'])
  t.like(directory.sources[0], { counts: { lists: 1, failures: 2 }, size: 1 })
  source.failure = undefined
  source.containers = []
  await delay(2)
  await directory.refresh()
  t.deepEqual(said, ['cri: gone', 'cri: well'])
  t.is(directory.sources[0].size, 0)
})

test('the version rises only with a change', async (t) => {
  const source = new TestSource()
  const directory = new Directory({ sources: [source] })
  const listed = () => [
    testContainer('a', 'x', testPod('p', { labels: new Map([['app', 'web']]) })),
  ]
  source.containers = listed()
  await directory.refresh()
  const { version } = directory
  source.containers = listed()
  await directory.refresh()
  t.is(directory.version, version)
  source.containers = [testContainer('a', 'x', testPod('p', { labels: new Map([['app', 'api']]) }))]
  await directory.refresh()
  t.is(directory.version, version + 1)
  t.is(directory.container('a')?.pod?.labels.get('app'), 'api')
})

test('a name outlives its container for a while, so that its last collection has it', async (t) => {
  const source = new TestSource()
  const directory = new Directory({ sources: [source], grace: 60_000 })
  source.containers = [testContainer('a', 'main')]
  await directory.refresh()
  source.containers = []
  await directory.refresh()
  t.is(directory.container('a')?.name, 'main')
})

test('without sources nobody is asked, and closing closes them', async (t) => {
  const empty = new Directory({ sources: [] })
  t.is(empty.container('a'), undefined)
  await empty.refresh()
  t.is(empty.version, 0)
  const source = new TestSource()
  const directory = new Directory({ sources: [source] })
  directory.close()
  t.true(source.isClosed)
  await directory.refresh()
  t.is(source.asked, 0)
})

test('a collection that meets a new container waits for its name, and no longer than it was told', async (t) => {
  const source = new TestSource()
  const directory = new Directory({ sources: [source] })
  await directory.refresh()
  source.containers = [testContainer('new', 'main', testPod('web'))]
  t.is(directory.container('new'), undefined)
  await directory.settle(60_000)
  t.is(directory.container('new')?.name, 'main')
  const { asked } = source
  await directory.settle(60_000)
  t.is(source.asked, asked)

  const silent = new TestSource()
  silent.list = () => new Promise(() => {})
  const waiting = new Directory({ sources: [silent] })
  waiting.container('new')
  await waiting.settle(1)
  t.is(waiting.container('new'), undefined)
})

test('a new container that a source learns of later is asked for again by itself', async (t) => {
  const source = new TestSource()
  const directory = new Directory({ sources: [source] })
  t.teardown(() => directory.close())
  directory.container('late')
  await until(() => source.asked === 1)
  source.containers = [testContainer('late', 'main')]
  await until(() => directory.version > 0)
  t.is(directory.container('late')?.name, 'main')
})

test('what a source without sandboxes does not list, in a pod that it knows, is the sandbox', async (t) => {
  const web = testPod('web', { cgroupUid: 'uid' })
  const source = Object.assign(new TestSource('kubernetes'), { hidesSandboxes: true })
  source.pods = [web]
  const directory = new Directory({ sources: [source], sandboxAge: 0, grace: 0 })
  t.teardown(() => directory.close())
  await directory.refresh()
  directory.container('pause', 'uid')
  directory.container('of another', 'other')
  await until(() => directory.container('pause', 'uid') !== undefined)
  t.like(directory.container('pause', 'uid'), { isSandbox: true, pod: { name: 'web' } })
  t.is(directory.container('of another', 'other'), undefined)

  // It was a container whose status came late.
  source.containers = [testContainer('pause', 'main', web)]
  await directory.refresh()
  t.is(directory.container('pause', 'uid')?.isSandbox, false)
  // Its pod has ended.
  source.containers = []
  source.pods = []
  await delay(2)
  await directory.refresh()
  t.is(directory.container('pause', 'uid'), undefined)

  const failing = Object.assign(new TestSource('kubelet'), { hidesSandboxes: true })
  failing.pods = [web]
  const unsure = new Directory({ sources: [failing], sandboxAge: 0 })
  t.teardown(() => unsure.close())
  await unsure.refresh()
  failing.failure = new Error('gone')
  unsure.container('pause', 'uid')
  await until(() => failing.asked === 2)
  await delay(5)
  t.is(unsure.container('pause', 'uid'), undefined)
})
