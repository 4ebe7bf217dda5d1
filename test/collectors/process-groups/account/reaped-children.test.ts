/** Usage of processes that were never read: only the reaped times of their parents show it. */
import test, { type ExecutionContext } from 'ava'
import { processGroups } from '../../../support/process-groups.ts'
import { type Process, ProcfsTree } from '../../../support/procfs-tree.ts'

/** Far in the future of the trees' boot time, so later than any start of the collector. */
const LATE = 100_000_000_000

type Node = Readonly<Record<number, Process>>

/** Seconds of user CPU time of each group after each of some states of a node. */
async function cpuAfter(
  t: ExecutionContext,
  options: Parameters<typeof processGroups>[1],
  ...states: Node[]
): Promise<Map<string, number>> {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  const groups = processGroups(procfs.root, options)
  let samples: ReadonlyMap<string, number> = new Map()
  for (const [index, state] of states.entries()) {
    for (const pid of Object.keys(states[index - 1] ?? {})) procfs.remove(Number(pid))
    for (const [pid, process] of Object.entries(state)) procfs.set(Number(pid), process)
    samples = await groups.collect()
  }
  const found = new Map<string, number>()
  for (const [key, value] of samples) {
    const name = /^cpu_seconds_total\{(.+),user\}$/.exec(key)?.[1]
    if (name !== undefined) found.set(name, value)
  }
  return found
}

const INIT = { comm: 'init', ppid: 0 }
const SHELL = { comm: 'shell', ppid: 1 }
const JOB = { comm: 'job', ppid: 2 }
const PART = { comm: 'part', ppid: 3 }

test('children that nobody saw count in the group of who waited for them', async (t) => {
  const cpu = await cpuAfter(
    t,
    {},
    { 1: INIT, 2: { ...SHELL, cutime: 1000 } },
    { 1: INIT, 2: { ...SHELL, cutime: 1050 } },
    { 1: INIT, 2: { ...SHELL, cutime: 1120 } },
  )
  t.deepEqual(
    [...cpu],
    [
      ['init', 0],
      ['shell', 1.2],
    ],
  )
})

test('a time below zero is none', async (t) => {
  const states = [0, -(2 ** 63), 50].map((cutime) => ({ 1: INIT, 2: { ...SHELL, cutime } }))
  t.is((await cpuAfter(t, {}, ...states)).get('shell'), 0.5)
})

test('what was seen of a child stays with its group; only the rest is the parents', async (t) => {
  const cpu = await cpuAfter(
    t,
    {},
    { 2: SHELL },
    { 2: SHELL, 3: { ...JOB, starttime: LATE, utime: 30, cutime: 5 } },
    { 2: { ...SHELL, cutime: 45 } },
  )
  // The job had waited for 0.05 s before it was seen.
  t.deepEqual(
    [...cpu],
    [
      ['shell', 0.1],
      ['job', 0.35],
    ],
  )
})

test('a child that goes with its own child', async (t) => {
  const cpu = await cpuAfter(
    t,
    {},
    { 2: SHELL },
    {
      2: SHELL,
      3: { ...JOB, starttime: LATE, utime: 30 },
      4: { ...PART, starttime: LATE, utime: 20 },
    },
    { 2: { ...SHELL, cutime: 57 } },
  )
  t.deepEqual(
    [...cpu],
    [
      ['shell', 0.07],
      ['job', 0.3],
      ['part', 0.2],
    ],
  )
})

test('an orphan is waited for by init, and counts once', async (t) => {
  const cpu = await cpuAfter(
    t,
    {},
    { 1: INIT, 2: SHELL },
    {
      1: INIT,
      2: SHELL,
      3: { ...JOB, starttime: LATE, utime: 30 },
      4: { ...PART, starttime: LATE, utime: 20 },
    },
    { 1: { ...INIT, cutime: 21 }, 2: { ...SHELL, cutime: 30 } },
  )
  t.is(cpu.get('shell'), 0)
  t.is(cpu.get('init'), 0.01)
})

test('a child that nobody waited for takes nothing off others', async (t) => {
  const cpu = await cpuAfter(
    t,
    {},
    { 1: INIT, 2: SHELL },
    { 1: INIT, 2: SHELL, 3: { ...JOB, starttime: LATE, utime: 30 } },
    { 1: { ...INIT, cutime: 15 }, 2: SHELL },
  )
  t.is(cpu.get('shell'), 0)
  t.is(cpu.get('init'), 0.15)
})

test('page faults, too', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  procfs.set(2, SHELL)
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(2, { ...SHELL, cminflt: 7, cmajflt: 2, cstime: 100 })
  const samples = await groups.collect()
  t.is(samples.get('minor_page_faults_total{shell}'), 7)
  t.is(samples.get('major_page_faults_total{shell}'), 2)
  t.is(samples.get('cpu_seconds_total{shell,system}'), 1)
})

test('a parent that is new counts all that it waited for, if it started after the agent', async (t) => {
  const late = { ...SHELL, starttime: LATE, cutime: 40 }
  t.is((await cpuAfter(t, {}, { 1: INIT }, { 1: INIT, 2: late })).get('shell'), 0.4)
  const early = { ...SHELL, cutime: 40 }
  t.is((await cpuAfter(t, {}, { 1: INIT }, { 1: INIT, 2: early })).get('shell'), 0)
})

test('it can be switched off, and then is as process-exporter has it', async (t) => {
  const states = [{ 2: SHELL }, { 2: { ...SHELL, cutime: 50 } }]
  t.is((await cpuAfter(t, { short_lived: 'off' }, ...states)).get('shell'), 0)
  t.is((await cpuAfter(t, { strict: true }, ...states)).get('shell'), 0)
})

test('the storage bytes of a child that was seen stay with its group, also by name of the thread', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  procfs.set(1, INIT)
  procfs.set(2, { ...SHELL, readBytes: 100 })
  procfs.set(3, { ...JOB })
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(3, { ...JOB, readBytes: 1000, writeBytes: 70 })
  await groups.collect()
  procfs.remove(3)
  // It has read 200 more, its parent 30 of its own.
  procfs.set(2, { ...SHELL, readBytes: 100 + 1000 + 200 + 30, writeBytes: 70, cminflt: 5 })
  const samples = await groups.collect()
  t.is(samples.get('read_bytes_total{job}'), 1000)
  t.is(samples.get('write_bytes_total{job}'), 70)
  t.is(samples.get('read_bytes_total{shell}'), 230)
  t.is(samples.get('write_bytes_total{shell}'), 0)
  t.is(samples.get('thread_io_bytes_total{shell,read,shell}'), 230)
  procfs.set(2, { ...SHELL, readBytes: 2000, writeBytes: 80, cminflt: 5 })
  const later = await groups.collect()
  t.is(later.get('read_bytes_total{shell}'), 230 + 670)
  t.is(later.get('write_bytes_total{shell}'), 10)
})

test('the bytes of a parent that has waited for nobody are its own', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  procfs.set(1, INIT)
  procfs.set(2, SHELL)
  procfs.set(3, { ...JOB })
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(3, { ...JOB, readBytes: 1000 })
  await groups.collect()
  procfs.remove(3)
  procfs.set(2, { ...SHELL, readBytes: 500 })
  t.is((await groups.collect()).get('read_bytes_total{shell}'), 500)
})

test('what a new child used while it was classified is subtracted from what its parent has reaped', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  const job = { ...JOB, starttime: LATE }
  let isClassifying = false
  const groups = processGroups(procfs.root, {
    rules: [{ name: '{{.Comm}}{{.Username}}', cmdline: ['.+'] }],
    username() {
      if (isClassifying) procfs.set(3, { ...job, utime: 40 })
      return ''
    },
  })
  procfs.set(1, INIT)
  procfs.set(2, SHELL)
  await groups.collect()
  procfs.set(3, { ...job, utime: 10 })
  isClassifying = true
  const seen = await groups.collect()
  t.is(seen.get('cpu_seconds_total{job,user}'), 0.4)
  procfs.remove(3)
  procfs.set(2, { ...SHELL, cutime: 45 })
  const after = await groups.collect()
  t.is(after.get('cpu_seconds_total{shell,user}'), 0.05)
})
