/** Files of cgroups as kernels write them, in directories made for the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type CgroupStats, NO_CGROUP_STATS } from '../../../src/kernel/cgroupfs/cgroup-stats.ts'
import { findCgroupMounts, parseMounts } from '../../../src/kernel/cgroupfs/mounts.ts'
import { CgroupReaderV1 } from '../../../src/kernel/cgroupfs/reader-v1.ts'
import { CgroupReaderV2 } from '../../../src/kernel/cgroupfs/reader-v2.ts'

/** A directory with the files. */
function directory(t: ExecutionContext, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'cgroup-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return `${path}/`
}

/** The values that are known. */
function said(stats: CgroupStats): Partial<CgroupStats> {
  return Object.fromEntries(Object.entries(stats).filter(([, value]) => !Number.isNaN(value)))
}

const CPU_STAT =
  'usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnice_usec 0\n' +
  'core_sched.force_idle_usec 0\nnr_periods 100\nnr_throttled 7\nthrottled_usec 1500000\nnr_bursts 0\nburst_usec 0\n'
const MEMORY_STAT =
  'anon 1000\nfile 5000\nkernel 300\nkernel_stack 10\npagetables 20\nshmem 5\n' +
  'inactive_anon 900\nactive_anon 100\ninactive_file 2000\nactive_file 3000\npgfault 50\npgmajfault 3\n'

test('cgroup v2', (t) => {
  const path = directory(t, {
    'cpu.stat': CPU_STAT,
    'cpu.max': '150000 100000\n',
    'memory.current': '6500\n',
    'memory.max': '10000\n',
    'memory.stat': MEMORY_STAT,
    'memory.swap.current': '42\n',
    'memory.events': 'low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 0\n',
    'pids.current': '12\n',
    'pids.max': 'max\n',
    'io.stat': '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n7:1 \n253:0 rbytes=9 rios=1\n',
  })
  const reader = new CgroupReaderV2()
  const stats = { ...NO_CGROUP_STATS }
  reader.cpu(path, stats)
  reader.cpuLimit(path, stats)
  reader.memory(path, stats)
  reader.memoryLimit(path, stats)
  reader.swap(path, stats)
  reader.memoryEvents(path, stats)
  reader.tasks(path, stats)
  reader.tasksLimit(path, stats)
  t.deepEqual(said(stats), {
    cpuUsage: 5,
    cpuUser: 3,
    cpuSystem: 2,
    periods: 100,
    throttledPeriods: 7,
    throttledTime: 1.5,
    cpuLimit: 1.5,
    memoryUsage: 6500,
    memoryLimit: 10_000,
    workingSet: 4500,
    anonymous: 1000,
    cache: 5000,
    kernel: 300,
    swap: 42,
    minorFaults: 47,
    majorFaults: 3,
    eventsLow: 0,
    eventsHigh: 1,
    eventsMax: 2,
    eventsOom: 3,
    oomKills: 4,
    tasks: 12,
    tasksLimit: Number.POSITIVE_INFINITY,
  })
  t.deepEqual(reader.io(path), [
    { device: '8:0', readBytes: 1, writeBytes: 2, reads: 3, writes: 4 },
    { device: '7:1', readBytes: NaN, writeBytes: NaN, reads: NaN, writes: NaN },
    { device: '253:0', readBytes: 9, writeBytes: NaN, reads: 1, writes: NaN },
  ])
})

test('what a file does not have is not known, rather than zero', (t) => {
  const path = directory(t, {
    // Without the controller, and on kernels before 5.18.
    'cpu.stat': 'usage_usec 1\nuser_usec 1\nsystem_usec 0\n',
    'memory.current': '10\n',
    'memory.stat': 'anon 1\nfile 2\ninactive_file 3\npgfault 1\npgmajfault 0\n',
    'cpu.max': 'max 100000\n',
    'io.stat': '',
  })
  const reader = new CgroupReaderV2()
  const stats = { ...NO_CGROUP_STATS }
  reader.cpu(path, stats)
  reader.cpuLimit(path, stats)
  reader.memory(path, stats)
  t.true(Number.isNaN(stats.periods))
  t.true(Number.isNaN(stats.kernel))
  t.is(stats.workingSet, 7)
  t.is(stats.cpuLimit, Number.POSITIVE_INFINITY)
  t.deepEqual(reader.io(path), [])
  t.throws(() => reader.swap(path, stats), { code: 'ENOENT' })
})

test('files that are cut short or empty', (t) => {
  const path = directory(t, {
    'cpu.stat': 'usage_usec 50',
    'cpu.max': '150000 10',
    'memory.current': '',
    'io.stat': '8:0 rbytes=1 wby',
  })
  const reader = new CgroupReaderV2()
  const stats = { ...NO_CGROUP_STATS }
  t.throws(() => reader.cpu(path, stats), { name: 'KernelFormatError' })
  t.throws(() => reader.cpuLimit(path, stats), { name: 'KernelFormatError' })
  t.throws(() => reader.memory(path, stats), { name: 'KernelFormatError' })
  t.throws(() => reader.io(path), { name: 'KernelFormatError' })
})

test('what is no count is not taken for one', (t) => {
  const path = directory(t, {
    'io.stat': '8:0 rbytes= wbytes=-5 rios=0x10 wios=1e3\n',
    'memory.current': '100\n',
    'memory.stat': 'pgfault 3\npgmajfault 4\n',
    'memory.max': '-5\n',
    'pids.current': '-1\n',
  })
  const reader = new CgroupReaderV2()
  const stats = { ...NO_CGROUP_STATS }
  const none = {
    readBytes: Number.NaN,
    writeBytes: Number.NaN,
    reads: Number.NaN,
    writes: Number.NaN,
  }
  t.deepEqual(reader.io(path), [{ device: '8:0', ...none }])
  t.throws(() => reader.memoryLimit(path, stats), { name: 'KernelFormatError' })
  t.throws(() => reader.tasks(path, stats), { name: 'KernelFormatError' })
  // Both counters are not read at one moment.
  reader.memory(path, stats)
  t.is(stats.minorFaults, 0)
})

test('devices without a newline, as some kernels print them, do not take the values of the next one', (t) => {
  const path = directory(t, {
    'io.stat': '7:1 7:0 8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n',
  })
  t.deepEqual(new CgroupReaderV2().io(path), [
    { device: '8:0', readBytes: 1, writeBytes: 2, reads: 3, writes: 4 },
  ])
})

test('cgroup v1 gives the same values', (t) => {
  const path = directory(t, {
    'cpuacct.usage': '5000000000\n',
    'cpuacct.stat': 'user 300\nsystem 200\n',
    'cpu.stat': 'nr_periods 100\nnr_throttled 7\nthrottled_time 1500000000\n',
    'cpu.cfs_quota_us': '150000\n',
    'cpu.cfs_period_us': '100000\n',
    'memory.usage_in_bytes': '6500\n',
    'memory.limit_in_bytes': '9223372036854771712\n',
    'memory.stat':
      'cache 1\nrss 1\ninactive_file 1\nhierarchical_memory_limit 9223372036854771712\n' +
      'total_cache 5000\ntotal_rss 1000\ntotal_swap 42\ntotal_pgfault 50\ntotal_pgmajfault 3\ntotal_inactive_file 2000\n',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
    'pids.current': '12\n',
    'pids.max': '100\n',
    'blkio.throttle.io_service_bytes_recursive':
      '8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Total 3\nTotal 3\n',
    'blkio.throttle.io_serviced_recursive': '8:0 Read 3\n8:0 Write 4\nTotal 7\n',
  })
  const reader = new CgroupReaderV1(100)
  const stats = { ...NO_CGROUP_STATS }
  reader.cpu(path, stats)
  reader.throttling(path, stats)
  reader.memory(path, stats)
  reader.oomKills(path, stats)
  reader.tasks(path, stats)
  t.deepEqual(said(stats), {
    cpuUsage: 5,
    cpuUser: 3,
    cpuSystem: 2,
    periods: 100,
    throttledPeriods: 7,
    throttledTime: 1.5,
    cpuLimit: 1.5,
    memoryUsage: 6500,
    memoryLimit: Number.POSITIVE_INFINITY,
    workingSet: 4500,
    anonymous: 1000,
    cache: 5000,
    swap: 42,
    minorFaults: 47,
    majorFaults: 3,
    oomKills: 4,
    tasks: 12,
    tasksLimit: 100,
  })
  t.deepEqual(reader.io(path), [
    { device: '8:0', readBytes: 1, writeBytes: 2, reads: 3, writes: 4 },
  ])
})

test('no CPU limit in v1 is a negative quota', (t) => {
  const path = directory(t, {
    'cpu.stat': 'nr_periods 0\nnr_throttled 0\nthrottled_time 0\n',
    'cpu.cfs_quota_us': '-1\n',
    'cpu.cfs_period_us': '100000\n',
  })
  const stats = { ...NO_CGROUP_STATS }
  new CgroupReaderV1(100).throttling(path, stats)
  t.is(stats.cpuLimit, Number.POSITIVE_INFINITY)
})

const HYBRID = `10:31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
11 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
12 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
13 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,name=systemd
14 31 0:38 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw,nsdelegate
`

test('mounts: hybrid, pure, of another root, with odd names, none', (t) => {
  const { v2, v1 } = parseMounts(HYBRID, '/sys/fs/cgroup')
  t.is(v2, '/sys/fs/cgroup/unified')
  t.deepEqual(Object.fromEntries(v1), {
    cpu: '/sys/fs/cgroup/cpu,cpuacct',
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
    memory: '/sys/fs/cgroup/memory',
    'name=systemd': '/sys/fs/cgroup/systemd',
  })
  const pure = '30 23 0:26 / /host/sys/fs/cgroup ro - cgroup2 cgroup2 rw\n'
  t.is(parseMounts(pure, '/host/sys/fs/cgroup').v2, '/host/sys/fs/cgroup')
  t.is(parseMounts(pure, '/sys/fs/cgroup').v2, undefined)
  t.is(parseMounts('1 2 0:1 / /a\\040b rw - cgroup2 x rw\n', '/a b').v2, '/a b')
  t.deepEqual(parseMounts('garbage\n\n- - -', '/'), { v2: undefined, v1: new Map() })
})

test('a tree that is no mount is told by its files', (t) => {
  const v2 = directory(t, { 'cgroup.controllers': 'cpu memory\n' }).slice(0, -1)
  t.deepEqual(findCgroupMounts(v2), { v2, v1: new Map() })
  const hybrid = directory(t, {
    'unified/cgroup.controllers': '\n',
    'unified/cgroup.procs': '\n',
    'cpu,cpuacct/cgroup.procs': '\n',
    'systemd/cgroup.procs': '\n',
    'other/file': '\n',
  }).slice(0, -1)
  const mounts = findCgroupMounts(hybrid)
  t.is(mounts.v2, `${hybrid}/unified`)
  t.deepEqual(Object.fromEntries(mounts.v1), {
    cpu: `${hybrid}/cpu,cpuacct`,
    cpuacct: `${hybrid}/cpu,cpuacct`,
    systemd: `${hybrid}/systemd`,
  })
  t.deepEqual(findCgroupMounts('/nowhere'), { v2: undefined, v1: new Map() })
})
