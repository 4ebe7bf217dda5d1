import test from 'ava'
import { isOver, parsePod } from '../../../../src/workloads/sources/kubernetes/pod.ts'
import { containerId, podUid, somePod } from '../../../support/kube-objects.ts'
import { KEPT } from './set-up.ts'

const STARTED = Date.UTC(2026, 2, 1, 10) / 1000

test('names, owner and allowed keys, and nothing else', (t) => {
  const pod = {
    uid: podUid(7),
    cgroupUid: podUid(7),
    name: 'fluent-bit-7',
    namespace: 'logging',
    labels: new Map([['app', 'fluent-bit']]),
    annotations: new Map([['example.com/team', 'störung "ops" \\ [{]}']]),
    owner: { kind: 'DaemonSet', name: 'fluent-bit' },
  }
  t.deepEqual(parsePod(somePod(7), KEPT), {
    pod,
    containers: [
      {
        id: containerId(7),
        name: 'main',
        isSandbox: false,
        runtime: 'containerd',
        image: 'fluent/fluent-bit:3',
        startedAt: STARTED,
        pod,
      },
    ],
  })
})

test('containers of all kinds, by id and name, whatever their order in the specification', (t) => {
  const status = (name: string, number: number, runtime = 'cri-o') => ({
    name,
    image: `sha256:${number}`,
    containerID: `${runtime}://${containerId(number)}`,
    state: { running: { startedAt: '2026-03-01T10:00:00Z' } },
  })
  const entry = parsePod(
    somePod(1, {
      spec: {
        initContainers: [{ name: 'proxy', image: 'envoy:1', restartPolicy: 'Always' }],
        containers: [
          { name: 'a', image: 'image-a' },
          { name: 'b', image: 'image-b' },
        ],
        ephemeralContainers: [{ name: 'debugger', image: 'busybox' }],
      },
      status: {
        containerStatuses: [status('b', 1), status('a', 2, 'docker'), status('unheard-of', 5)],
        initContainerStatuses: [status('proxy', 3)],
        ephemeralContainerStatuses: [status('debugger', 4)],
      },
    }),
    KEPT,
  )
  t.deepEqual(
    entry?.containers.map(({ id, name, image, runtime }) => [Number(id), name, image, runtime]),
    [
      [3, 'proxy', 'envoy:1', 'cri-o'],
      [1, 'b', 'image-b', 'cri-o'],
      [2, 'a', 'image-a', 'docker'],
      [5, 'unheard-of', 'sha256:5', 'cri-o'],
      [4, 'debugger', 'busybox', 'cri-o'],
    ],
  )
})

test('a container that crashed is the one that ran last; one that never ran is none', (t) => {
  const terminated = { exitCode: 1, startedAt: '2026-03-01T10:00:00Z', reason: 'Error' }
  const crashed = {
    name: 'main',
    containerID: `containerd://${containerId(9)}`,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { ...terminated, containerID: `containerd://${containerId(9)}` } },
  }
  const ended = {
    name: 'setup',
    containerID: `containerd://${containerId(8)}`,
    state: { terminated },
  }
  const creating = { name: 'late', state: { waiting: { reason: 'ContainerCreating' } } }
  const noId = { name: 'pulling', containerID: '', state: { waiting: {} } }
  const entry = parsePod(
    somePod(1, {
      status: { containerStatuses: [crashed, creating, noId], initContainerStatuses: [ended] },
    }),
    KEPT,
  )
  t.deepEqual(
    entry?.containers.map(({ id, startedAt }) => [Number(id), startedAt]),
    [
      [8, STARTED],
      [9, STARTED],
    ],
  )
})

test('a mirror of a static pod has the uid of its cgroup besides its own', (t) => {
  const hash = '0a1b2c3d4e5f60718293a4b5c6d7e8f9'
  const annotations = {
    'kubernetes.io/config.hash': hash,
    'kubernetes.io/config.mirror': hash,
    'kubernetes.io/config.source': 'file',
  }
  const mirror = parsePod(somePod(3, { metadata: { annotations } }), KEPT)
  t.like(mirror?.pod, { uid: podUid(3), cgroupUid: hash })
  const asKubelet = { ...annotations, 'kubernetes.io/config.mirror': undefined }
  const own = parsePod(somePod(3, { metadata: { uid: hash, annotations: asKubelet } }), KEPT)
  t.like(own?.pod, { uid: hash, cgroupUid: hash })
  const pretender = parsePod(somePod(3, { metadata: { annotations: asKubelet } }), KEPT)
  t.like(pretender?.pod, { uid: podUid(3), cgroupUid: podUid(3) })
})

test('an owner that is no controller, or no owner', (t) => {
  const reference = { kind: 'Node', name: 'node-a' }
  for (const ownerReferences of [[reference], [], null, undefined, 7]) {
    const entry = parsePod(somePod(1, { metadata: { ownerReferences } }), KEPT)
    t.false('owner' in (entry?.pod ?? { owner: 1 }))
  }
})

test('what is not as expected is absent, and no pod without names', (t) => {
  for (const value of [null, 7, 'pod', [], {}, { metadata: null }, { metadata: { uid: 1 } }]) {
    t.is(parsePod(value, KEPT), undefined)
    t.false(isOver(value))
  }
  t.is(parsePod(somePod(1, { metadata: { name: '' } }), KEPT), undefined)
  const odd = { labels: 'x', annotations: [1], ownerReferences: [null, 3, { controller: true }] }
  const containerStatuses = [
    null,
    7,
    { name: 3 },
    { name: 'a', containerID: 'no-scheme' },
    { name: 'b', containerID: `containerd://${containerId(1)}`, state: 4, lastState: null },
    { name: 'c', containerID: `x://y`, state: { running: { startedAt: 'noon' } } },
  ]
  const spec = { containers: 'none', initContainers: [null, { name: 'b', image: 5 }] }
  const entry = parsePod(somePod(1, { metadata: odd, spec, status: { containerStatuses } }), KEPT)
  t.is(entry?.pod.labels.size, 0)
  t.deepEqual(
    entry?.containers.map(({ name, startedAt, image }) => [name, startedAt, image]),
    [
      ['b', undefined, undefined],
      ['c', undefined, undefined],
    ],
  )
})

test('a pod that is over', (t) => {
  t.true(isOver(somePod(1, { status: { phase: 'Succeeded' } })))
  t.true(isOver(somePod(1, { status: { phase: 'Failed' } })))
  t.false(isOver(somePod(1)))
})
