/** Which cgroups have perf counters. */
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CgroupCounters } from '../../../src/collectors/perf/cgroup-counters.ts'
import { CgroupTree } from '../../../src/kernel/cgroupfs/tree.ts'
import { loadPerfOpener } from '../../../src/kernel/perf-events/open.ts'
import { now } from '../../../src/telemetry/clock.ts'
import { TimeSlice } from '../../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../../src/workloads/name-resolver.ts'
import { Workloads } from '../../../src/workloads/workloads.ts'
import { CGROUP2, makeCgroup, noCgroups } from '../../support/cgroup2.ts'
import { skip } from '../../support/skip.ts'

const UID = '3b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'

test('a pod with two cgroups has one series, of the newer one', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const older = `/kubepods/pod${UID}`
  const newer = `/kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice`
  const root = join(CGROUP2 as string, makeCgroup(t, 'kubepods', older.slice(1), 'kubepods.slice'))
  const counters = new CgroupCounters({
    root,
    parts: { opener: await loadPerfOpener(), cpus: [0], events: [] },
    budget: 10,
    workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
    options: { scopes: ['pod'], include: [] },
    notify: () => {},
  })
  t.teardown(() => counters.close())
  const tree = new CgroupTree(root, { depth: 10, count: 100 })
  const measured = async () => {
    const paths: string[] = []
    await counters.collect(tree, new TimeSlice(), now(), ({ path }) => paths.push(path))
    return paths
  }
  t.deepEqual(await measured(), [older])
  mkdirSync(root + newer)
  t.deepEqual(await measured(), [newer])
  rmdirSync(root + newer)
  t.deepEqual(await measured(), [])
})
