/** Counters of cgroups that the kernel lets fall: they go on, and their totals stay true. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { emptyResource } from '@opentelemetry/resources'
import type { DataPoint } from '@opentelemetry/sdk-metrics'
import test from 'ava'
import { registerCgroups } from '../../../src/collectors/cgroups/collector.ts'
import { ContinuedSum, FaultCounters } from '../../../src/entities/continued-counters.ts'
import { NO_CGROUP_STATS } from '../../../src/kernel/cgroupfs/cgroup-stats.ts'
import type { CgroupMounts } from '../../../src/kernel/cgroupfs/mounts.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { now } from '../../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../../src/telemetry/meter.ts'
import { type DeltaPoint, Deltas } from '../../../src/telemetry/otlp/deltas.ts'
import { compareTimes } from '../../../src/telemetry/time.ts'
import { TimeSlice } from '../../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../../src/workloads/name-resolver.ts'
import { Workloads } from '../../../src/workloads/workloads.ts'
import { CgroupV1, noCgroupsV1 } from '../../support/cgroup1.ts'
import { ProcfsTree } from '../../support/procfs-tree.ts'
import { skip } from '../../support/skip.ts'

const UID = '4b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const [ONE, OTHER] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string]

function collector(mounts: CgroupMounts) {
  const meter = new ObservableMeter({ name: 'cgroups' }, now())
  registerCgroups(
    meter,
    { root: '/sys/fs/cgroup', include: [], depth: 10, max: 10_000, open_files: 0, triggers: [] },
    {
      procfs: new Procfs(),
      system: { pageSize: 4096, ticksPerSecond: 100 },
      slice: new TimeSlice(),
      workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
      notify: () => {},
      mounts,
    },
  )
  const deltas = new Deltas()
  /** The sum over all devices of what a pod has read: its counter, and its delta that the receiver takes. */
  return async () => {
    const { scopeMetrics, errors } = await meter.collect(now())
    if (errors.length > 0) throw errors[0]
    const converted = deltas.convert({ resource: emptyResource(), scopeMetrics: [scopeMetrics] })
    const ofPod = ({ metrics } = scopeMetrics) =>
      (metrics
        .find(({ descriptor }) => descriptor.name === 'k8s.pod.disk.io')
        ?.dataPoints.filter(
          ({ attributes }) =>
            attributes['k8s.pod.uid'] === UID && attributes['disk.io.direction'] === 'read',
        ) ?? []) as DataPoint<number>[]
    const points = ofPod(converted.scopeMetrics[0])
    for (const point of points) (point as Partial<DeltaPoint>).accept?.()
    return { points: ofPod(), delta: sum(points) }
  }
}

const sum = (points: readonly DataPoint<number>[]) =>
  points.reduce((total, { value }) => total + value, 0)

test.serial("a pod's storage bytes go on when one of its containers is removed", async (t) => {
  const reason = noCgroupsV1('blkio')
  if (reason !== undefined) return skip(t, reason)
  const top = `otel-interrogator-test-${process.pid}`
  const file = join(fileURLToPath(new URL('.', import.meta.url)), `.io-${process.pid}`)
  const paths = [top, `${top}/pod${UID}`, `${top}/pod${UID}/${ONE}`, `${top}/pod${UID}/${OTHER}`]
  const [, , one, other] = paths.map((path) => {
    const cgroup = new CgroupV1(path, ['blkio'])
    t.teardown(() => cgroup.remove())
    return cgroup
  })
  const dd = (cgroup: CgroupV1 | undefined, ...args: string[]) =>
    spawnSync('sh', [
      '-c',
      'echo $$ > "$0" && exec dd bs=64k "$@"',
      cgroup?.procs[0] ?? '/dev/null',
      ...args,
    ])
  t.teardown(() => rmSync(file, { force: true }))
  const made = dd(undefined, 'if=/dev/zero', `of=${file}`, 'count=16', 'oflag=direct')
  if (made.status !== 0) return skip(t, 'needs a file system with direct I/O')
  const read = (cgroup: CgroupV1, count: number) =>
    dd(cgroup, `if=${file}`, 'of=/dev/null', `count=${count}`, 'iflag=direct')
  const collect = collector({ v2: undefined, v1: new Map([['blkio', '/sys/fs/cgroup/blkio']]) })
  read(one, 16)
  read(other, 4)
  const first = await collect()
  if (sum(first.points) === 0) return skip(t, 'needs a file system on a block device')
  const total = sum(first.points)
  t.is(total, 20 * 65_536)

  one.remove()
  // The kernel takes the share of a removed cgroup out of the sums a little later.
  await delay(200)
  read(other, 2)
  const second = await collect()
  t.is(sum(second.points), total, 'it has fallen by more than the other container has read')
  // By now the kernel has left out all that it ever will.
  await delay(5000)
  read(other, 1)
  const third = await collect()
  t.is(sum(third.points), total + 3 * 65_536)
  t.is(second.delta + third.delta, 3 * 65_536)
  for (const { points } of [second, third]) {
    t.deepEqual(
      points.map(({ startTime }) => startTime),
      first.points.map(({ startTime }) => startTime),
    )
  }
})

test('what the kernel leaves out later, sooner, or while more is added, is kept once', (t) => {
  const behaviour = { losesRemoved: false }
  const [pod, child, late] = [new ContinuedSum(), new ContinuedSum(), new ContinuedSum()]
  const next = (of: ContinuedSum, raw: number, time: number) => of.next(raw, time, behaviour)
  next(child, 60, 0)
  t.is(next(pod, 100, 0), 100)
  pod.keep(child, 1000)
  // The kernel has the share still.
  t.is(next(pod, 110, 1000), 110)
  t.is(next(pod, 55, 2000), 110, 'without the share it would be 115 now: 5 come later')
  t.is(next(pod, 60, 7000), 120)
  // The share is missing before the removal is seen.
  next(late, 20, 7000)
  t.is(next(pod, 45, 8000), 120)
  pod.keep(late, 9000)
  t.is(next(pod, 45, 9000), 120)
  t.is(next(pod, 45, 20_000), 125)
  // Others have added more than what is missing.
  const masked = new ContinuedSum()
  next(masked, 10, 20_000)
  pod.keep(masked, 21_000)
  t.is(next(pod, 50, 21_000), 130)
  t.is(next(pod, 50, 30_000), 140)
  // It is unknown what is missing.
  t.is(next(pod, 10, 31_000), 140)
  t.is(next(pod, 11, 40_000), 141)
})

test('a kernel that keeps the shares of removed cgroups itself is believed', (t) => {
  const behaviour = { losesRemoved: false }
  const [pod, child] = [new ContinuedSum(), new ContinuedSum()]
  child.next(60, 0, behaviour)
  pod.next(100, 0, behaviour)
  pod.keep(child, 1000)
  t.is(pod.next(100, 1000, behaviour), 100)
  t.is(pod.next(101, 20_000, behaviour), 101)
})

test('minor faults do not fall while a major one is counted', (t) => {
  const faults = new FaultCounters()
  const next = (minorFaults: number, majorFaults: number) => {
    const stats = { ...NO_CGROUP_STATS, minorFaults, majorFaults }
    faults.next(stats, 0, undefined)
    return [stats.minorFaults, stats.majorFaults]
  }
  t.deepEqual(next(10, 0), [10, 0])
  t.deepEqual(next(9, 1), [10, 1])
  t.deepEqual(next(10, 1), [10, 1])
  t.deepEqual(next(11, 1), [11, 1])
})

test('in cgroup v2 a device that was taken away and comes back is a counter with a new start', async (t) => {
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  const root = join(tree.root, 'cgroup')
  const pod = join(root, `pod${UID}`)
  mkdirSync(pod, { recursive: true })
  writeFileSync(join(root, 'cgroup.controllers'), 'io\n')
  const write = (bytes: number) =>
    writeFileSync(join(pod, 'io.stat'), `7:0 rbytes=${bytes} wbytes=0 rios=1 wios=0\n`)
  const collect = collector({ v2: root, v1: new Map() })
  write(1000)
  const first = await collect()
  t.is(sum(first.points), 1000)
  await delay(5)
  write(200)
  const second = await collect()
  t.is(sum(second.points), 200)
  t.is(second.delta, 200)
  t.is(compareTimes(second.points[0].startTime, first.points[0].endTime), 0)
  await delay(5)
  write(300)
  const third = await collect()
  t.is(third.delta, 100)
  t.deepEqual(third.points[0].startTime, second.points[0].startTime)
})
