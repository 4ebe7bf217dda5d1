/** Tasks that have not run since they were last read: their files are not read again. */
import test, { type ExecutionContext } from 'ava'
import { Procfs } from '../../../../src/kernel/procfs/procfs.ts'
import { emptySchedstat } from '../../../../src/kernel/procfs/schedstat.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { type Process, ProcfsTree } from '../../../support/procfs-tree.ts'

const HOUR = 3_600_000
const VOLUNTARY = 'context_switches_total{voluntary,app}'
const READ = 'read_bytes_total{app}'
const DESCRIPTORS = 'open_filedesc{app}'
const RESIDENT = 'memory_bytes{app,resident}'

function tree(t: ExecutionContext): ProcfsTree {
  const procfs = new ProcfsTree(true)
  t.teardown(() => procfs.dispose())
  return procfs
}

/** The samples after a first look at one process, and after a second one at another. */
async function lookTwice(t: ExecutionContext, first: Process, second: Process, refresh = HOUR) {
  const procfs = tree(t)
  procfs.set(1, first)
  const groups = processGroups(procfs.root, { refresh })
  const before = new Map(await groups.collect())
  procfs.set(1, second)
  return { before, after: await groups.collect() }
}

const SLEEPER = { runs: 5, voluntary: 10, readBytes: 100, openFiles: 3, wchan: 'do_wait' }
const CHANGED = { ...SLEEPER, voluntary: 11, readBytes: 300, openFiles: 9, wchan: 'do_poll' }

test('a process that has not run is not read again, but counts all the same', async (t) => {
  const { before, after } = await lookTwice(t, SLEEPER, CHANGED)
  t.is(before.get(DESCRIPTORS), 3)
  for (const [key, value] of before) {
    if (/\bapp\b/.test(key) && !/uptime/.test(key)) t.is(after.get(key), value, key)
  }
  t.is(after.get('threads_wchan{app,do_wait}'), 1)
  t.is(after.get('num_procs{app}'), 1)
})

for (const [what, change] of Object.entries({
  'has run': { runs: 6 },
  'waits in another way': { state: 'D' },
  'has lost memory to others': { rss: 1 },
  'is another one with its PID': { starttime: 2000 },
})) {
  test(`a process that ${what} is read again`, async (t) => {
    const { after } = await lookTwice(t, SLEEPER, { ...CHANGED, ...change })
    t.is(after.get(DESCRIPTORS), 9)
    t.is(after.get('threads_wchan{app,do_poll}'), 1)
    if (!('starttime' in change)) {
      t.is(after.get(VOLUNTARY), 1)
      t.is(after.get(READ), 200)
    }
  })
}

test('one that is running is read again, also when it has not been counted as running', async (t) => {
  const running = { state: 'R' }
  const { after } = await lookTwice(t, { ...SLEEPER, ...running }, { ...CHANGED, ...running })
  t.is(after.get(DESCRIPTORS), 9)
})

test('where the kernel does not count, or everything shall be read, every process is', async (t) => {
  const uncounted = { runs: 0 }
  t.is(
    (await lookTwice(t, { ...SLEEPER, ...uncounted }, { ...CHANGED, ...uncounted })).after.get(
      DESCRIPTORS,
    ),
    9,
  )
  t.is((await lookTwice(t, SLEEPER, CHANGED, 0)).after.get(DESCRIPTORS), 9)
  const [{ runs: _, ...first }, { runs: __, ...second }] = [SLEEPER, CHANGED]
  t.is((await lookTwice(t, first, second)).after.get(DESCRIPTORS), 9)
})

test('a file that could not be read is tried again', async (t) => {
  const { before, after } = await lookTwice(t, { ...SLEEPER, without: ['io'] }, SLEEPER)
  t.is(before.get(READ), undefined)
  t.is(after.get(READ), 0)
})

test('of several threads those are read that have run', async (t) => {
  const threads = (idle: number, busy: number) => ({
    threads: {
      1: { comm: 'idle', runs: 5, voluntary: idle, rss: 2 },
      2: { comm: 'busy', runs: 5 + busy, voluntary: busy, rss: 2 },
    },
  })
  const { after } = await lookTwice(t, threads(0, 0), threads(50, 7))
  t.is(after.get(VOLUNTARY), 7)
  t.is(after.get('thread_context_switches_total{voluntary,app,idle}'), 0)
  t.is(after.get('thread_context_switches_total{voluntary,app,busy}'), 7)
  t.is(after.get('num_threads{app}'), 2)
})

test('a kernel thread that has run is read again, whatever the process before it has done', async (t) => {
  const procfs = tree(t)
  const kernel = { comm: 'kworker', argv: [], flags: 0x00200000, runs: 5, voluntary: 10 }
  procfs.set(1, SLEEPER)
  procfs.set(2, kernel)
  procfs.set(3, SLEEPER)
  const groups = processGroups(procfs.root, {
    refresh: HOUR,
    rules: [{ name: 'kernel', comm: ['kworker'] }],
  })
  await groups.collect()
  await groups.collect()
  procfs.set(2, { ...kernel, runs: 6, voluntary: 17, runDelay: 3e9 })
  const after = await groups.collect()
  t.is(after.get('context_switches_total{voluntary,kernel}'), 7)
  t.is(after.get('procgroup_cpu_run_delay_seconds_total{kernel}'), 3)
})

test('time that a process has waited for a CPU counts from its first reading on, by thread', async (t) => {
  const key = 'procgroup_cpu_run_delay_seconds_total{app}'
  const one = await lookTwice(
    t,
    { ...SLEEPER, runDelay: 4e9 },
    { ...SLEEPER, runs: 9, runDelay: 6.5e9 },
  )
  t.is(one.before.get(key), 0)
  t.is(one.after.get(key), 2.5)
  const threads = (first: number, second: number) => ({
    runs: 5 + first,
    runDelay: first * 1e9,
    threads: {
      1: { comm: 'one', runs: 5 + first, runDelay: first * 1e9 },
      2: { comm: 'two', runs: 5 + second, runDelay: second * 1e9 },
    },
  })
  t.is((await lookTwice(t, threads(1, 2), threads(3, 7))).after.get(key), 7)
  const [{ runs: _, ...first }, { runs: __, ...second }] = [SLEEPER, CHANGED]
  t.is((await lookTwice(t, first, second)).after.get(key), undefined)
})

test('resident memory that the kernel takes away shows at once', async (t) => {
  const { before, after } = await lookTwice(t, { ...SLEEPER, rss: 8 }, { ...SLEEPER, rss: 3 })
  t.is(before.get(RESIDENT), 8 * 4096)
  t.is(after.get(RESIDENT), 3 * 4096)
})

test('this process, on the real procfs, has run', (t) => {
  const procfs = new Procfs('/proc', { openFiles: 10 })
  if (!procfs.hasSchedstat) return t.log('skipped: the kernel has no schedstat')
  const [before, after] = [emptySchedstat(), emptySchedstat()]
  const self = procfs.directory(process.pid)
  procfs.schedstat(self, before)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  procfs.schedstat(self, after)
  t.true(after.runs > before.runs)
  t.true(after.runtime > before.runtime)
})
