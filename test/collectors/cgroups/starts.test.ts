/** Since when cgroups count, and what deltas make of cgroups that come, are made anew and get names. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { HrTime } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import type { DataPoint } from '@opentelemetry/sdk-metrics'
import test from 'ava'
import { registerCgroups } from '../../../src/collectors/cgroups/collector.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { clock, now } from '../../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../../src/telemetry/meter.ts'
import { type DeltaPoint, Deltas } from '../../../src/telemetry/otlp/deltas.ts'
import { compareTimes, toSeconds } from '../../../src/telemetry/time.ts'
import { TimeSlice } from '../../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../../src/workloads/name-resolver.ts'
import { Workloads } from '../../../src/workloads/workloads.ts'
import { CGROUP2, makeCgroup, noCgroups, spawnInCgroup } from '../../support/cgroup2.ts'
import { TestSource, testContainer, testPod } from '../../support/name-source.ts'
import { ProcfsTree } from '../../support/procfs-tree.ts'
import { skip } from '../../support/skip.ts'

const UID = '3b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const [ONE, OTHER] = ['d', 'e'].map((digit) => digit.repeat(64)) as [string, string]

async function collector({ include = [] as string[], procfs = new Procfs() } = {}) {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  await resolver.refresh()
  const meter = new ObservableMeter({ name: 'cgroups' }, now())
  registerCgroups(
    meter,
    { root: CGROUP2 as string, include, depth: 10, max: 10_000, open_files: 100, triggers: [] },
    {
      procfs,
      system: { pageSize: 4096, ticksPerSecond: 100 },
      slice: new TimeSlice(),
      workloads: new Workloads(resolver, undefined),
      notify: () => {},
    },
  )
  const deltas = new Deltas()
  /** The points of a metric in one collection, and what they become as deltas that the receiver takes. */
  const collect = async (name: string) => {
    const { scopeMetrics, errors } = await meter.collect(now())
    if (errors.length > 0) throw errors[0]
    const converted = deltas.convert({ resource: emptyResource(), scopeMetrics: [scopeMetrics] })
    const find = (metrics: typeof scopeMetrics.metrics = []) =>
      (metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ??
        []) as DataPoint<number>[]
    for (const { metrics } of converted.scopeMetrics) {
      for (const { dataPoints } of metrics) {
        for (const point of dataPoints) (point as Partial<DeltaPoint>).accept?.()
      }
    }
    return {
      points: find(scopeMetrics.metrics),
      deltas: find(converted.scopeMetrics[0]?.metrics),
    }
  }
  return { source, resolver, collect }
}

const usage = (path: string) => {
  const text = readFileSync(join(CGROUP2 as string, path, 'cpu.stat'), 'utf8')
  return Number(/^user_usec (\d+)$/m.exec(text)?.[1]) / 1e6
}

test.serial('no CPU time counts twice when another container appears, or names do', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const path = makeCgroup(t, `pod${UID}`, `pod${UID}/${ONE}`)
  const child = await spawnInCgroup(t, `${path}/pod${UID}/${ONE}`, 'sh', [
    '-c',
    'while :; do :; done',
  ])
  while (usage(`${path}/pod${UID}/${ONE}`) < 0.05) await delay(10)
  const { source, resolver, collect } = await collector()
  let sum = 0
  const seen = new Set<object>()
  const push = async () => {
    const { points, deltas } = await collect('container.cpu.time')
    const mine = ({ attributes }: DataPoint<number>) =>
      attributes['container.id'] === ONE && attributes['cpu.mode'] === 'user'
    for (const point of points.filter(mine)) seen.add(point.attributes)
    for (const { value } of deltas.filter(mine)) sum += value
    return points.find(mine)?.value ?? Number.NaN
  }
  await push()
  const pod = testPod('web-1', { uid: UID, namespace: 'shop' })
  source.containers = [testContainer(OTHER, 'other', pod)]
  await resolver.refresh()
  await push()
  t.is(seen.size, 1, 'the name of another one changes nothing')
  source.containers = [testContainer(OTHER, 'other', pod), testContainer(ONE, 'main', pod)]
  await resolver.refresh()
  await push()
  t.is(seen.size, 2)
  child.kill('SIGKILL')
  const last = await push()
  t.true(Math.abs(sum - last) < 1e-9, `${sum} in deltas, ${last} counted`)
})

test.serial('a cgroup that is made anew under its path is another one, from then on', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const path = makeCgroup(t)
  const directory = join(CGROUP2 as string, path, 'own.service')
  const { collect } = await collector({ include: [`${path.slice(1)}/*`] })
  const only = async () => {
    const { points, deltas } = await collect('cgroup.cpu.time')
    const mine = ({ attributes }: DataPoint<number>) =>
      attributes['cgroup.path'] === `${path}/own.service` && attributes['cpu.mode'] === 'user'
    return { point: points.find(mine), delta: deltas.find(mine) }
  }
  const use = async (seconds: number) => {
    const child = await spawnInCgroup(t, `${path}/own.service`, 'sh', ['-c', 'while :; do :; done'])
    while (usage(`${path}/own.service`) < seconds) await delay(10)
    child.kill('SIGKILL')
    while (readFileSync(join(directory, 'cgroup.procs'), 'utf8') !== '') await delay(5)
  }
  await only()
  let last: DataPoint<number> | undefined
  let [sum, total] = [0, 0]
  for (const seconds of [0.2, 0.05, 0.1]) {
    const before = toSeconds(clock.now())
    mkdirSync(directory)
    writeFileSync(join(directory, 'cgroup.procs'), '')
    await use(seconds)
    const { point, delta } = await only()
    t.truthy(point)
    if (point === undefined || delta === undefined) return
    t.true(compareTimes(point.startTime, point.endTime) < 0)
    // The kernel's clock of files ticks with the scheduler.
    t.true(toSeconds(point.startTime) >= before - 0.01)
    t.true(last === undefined || compareTimes(point.startTime, last.endTime) >= 0)
    t.is(point.value, usage(`${path}/own.service`))
    t.deepEqual((await only()).point?.startTime, point.startTime)
    sum += delta.value
    total += point.value
    last = point
    rmdirSync(directory)
  }
  t.true(Math.abs(sum - total) < 1e-9)
})

test.serial(
  'a pod has the series of its newest cgroup, and not of an older one again',
  async (t) => {
    const reason = noCgroups()
    if (reason !== undefined) return skip(t, reason)
    // As the kubelet leaves them when its cgroup driver has changed.
    const path = makeCgroup(t, 'kubepods', `kubepods/pod${UID}`, 'kubepods.slice')
    const newer = join(
      CGROUP2 as string,
      path,
      'kubepods.slice',
      `kubepods-pod${UID.replaceAll('-', '_')}.slice`,
    )
    const { collect } = await collector()
    const points = async () => {
      const { points } = await collect('k8s.pod.cpu.time')
      return points.filter(
        ({ attributes }) => attributes['k8s.pod.uid'] === UID && attributes['cpu.mode'] === 'user',
      )
    }
    const older = await points()
    t.is(older.length, 1)
    mkdirSync(newer)
    const [point, ...others] = await points()
    t.deepEqual(others, [])
    t.true(
      point !== undefined && compareTimes(point.startTime, older[0]?.endTime as HrTime) >= 0,
      'the newer one has begun after the last value of the older one',
    )
    rmdirSync(newer)
    t.deepEqual(await points(), [])
  },
)

test.serial("errors of the node's own pressure are counted", async (t) => {
  if (CGROUP2 === undefined) return skip(t, 'needs cgroup v2')
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  mkdirSync(join(tree.root, 'pressure', 'memory'), { recursive: true })
  writeFileSync(join(tree.root, 'pressure', 'io'), 'nonsense\n')
  const { collect } = await collector({ procfs: new Procfs(tree.root) })
  await collect('cgroup.file.errors')
  const { points } = await collect('cgroup.file.errors')
  const found = points
    .filter(({ attributes }) => String(attributes['cgroup.file']).startsWith('/proc'))
    .map(({ attributes, value }) => [attributes['cgroup.file'], attributes['error.type'], value])
  t.deepEqual(found.sort(), [
    ['/proc/pressure/io', 'EFORMAT', 2],
    ['/proc/pressure/memory', 'EISDIR', 2],
  ])
})
