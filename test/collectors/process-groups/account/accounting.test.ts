/**
 * How groups add up, on fabricated procfs trees. Where a case has the same expectation as process-exporter,
 * its values are those that process-exporter 0.7.10 printed.
 */
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ExpensiveStats } from '../../../../src/collectors/process-groups/track/expensive-stats.ts'
import { Procfs } from '../../../../src/kernel/procfs/procfs.ts'
import { emptyStat, type Stat } from '../../../../src/kernel/procfs/stat.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { ProcfsTree } from '../../../support/procfs-tree.ts'

/** Far in the future of the trees' boot time, so later than any start of the collector. */
const LATE = 100_000_000_000

function tree(t: ExecutionContext): ProcfsTree {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  return procfs
}

/** Asserts the samples that are named; `undefined` stands for one that must not be there. */
function has(
  t: ExecutionContext,
  samples: ReadonlyMap<string, number>,
  expected: Record<string, number | undefined>,
): void {
  for (const [key, value] of Object.entries(expected)) t.is(samples.get(key), value, key)
}

test('a process with an empty name is in a group with an empty name', async (t) => {
  const procfs = tree(t)
  procfs.set(100, { comm: '' })
  procfs.set(101, {})
  const text = await processGroups(procfs.root).text()
  t.regex(text, /^namedprocess_namegroup_num_procs\{groupname=""\} 1$/m)
  t.regex(text, /^namedprocess_namegroup_num_procs\{groupname="app"\} 1$/m)
})

test('the life of one process', async (t) => {
  const procfs = tree(t)
  const process = {
    starttime: 1234,
    minflt: 10,
    majflt: 3,
    utime: 150,
    stime: 50,
    vsize: 1_000_000,
    rss: 10,
    swap: 12,
    voluntary: 7,
    nonvoluntary: 2,
    readBytes: 4096,
    writeBytes: 8192,
    pss: 50,
    swapPss: 4,
    wchan: 'do_wait',
  }
  procfs.set(100, process)
  const groups = processGroups(procfs.root)
  has(t, await groups.collect(), {
    'cpu_seconds_total{app,user}': 0,
    'memory_bytes{app,proportionalResident}': 51200,
    'memory_bytes{app,proportionalSwapped}': 4096,
    'memory_bytes{app,resident}': 40960,
    'memory_bytes{app,swapped}': 12288,
    'memory_bytes{app,virtual}': 1e6,
    'num_procs{app}': 1,
    'num_threads{app}': 1,
    'oldest_start_time_seconds{app}': 1.600000012e9,
    'open_filedesc{app}': 3,
    'worst_fd_ratio{app}': 0.0029296875,
    'states{app,Sleeping}': 1,
    'states{app,Running}': 0,
    'threads_wchan{app,do_wait}': 1,
    'read_bytes_total{app}': 0,
  })
  procfs.set(100, {
    ...process,
    minflt: 15,
    majflt: 4,
    utime: 250,
    stime: 75,
    voluntary: 17,
    nonvoluntary: 5,
    readBytes: 5096,
    writeBytes: 9192,
  })
  const used = {
    'cpu_seconds_total{app,user}': 1,
    'cpu_seconds_total{app,system}': 0.25,
    'context_switches_total{voluntary,app}': 10,
    'context_switches_total{nonvoluntary,app}': 3,
    'minor_page_faults_total{app}': 5,
    'major_page_faults_total{app}': 1,
    'read_bytes_total{app}': 1000,
    'write_bytes_total{app}': 1000,
  }
  has(t, await groups.collect(), used)
  procfs.remove(100)
  has(t, await groups.collect(), {
    ...used,
    'num_procs{app}': 0,
    'num_threads{app}': 0,
    'memory_bytes{app,resident}': 0,
    'memory_bytes{app,proportionalResident}': 0,
    'open_filedesc{app}': 0,
    'worst_fd_ratio{app}': 0,
    'states{app,Sleeping}': 0,
    'threads_wchan{app,do_wait}': undefined,
    'oldest_start_time_seconds{app}': undefined,
    'thread_count{app,app}': undefined,
  })
})

test('a process that started later counts from its birth, one that was there before from its first sight', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(1, {
    comm: 'late',
    starttime: LATE,
    utime: 700,
    stime: 30,
    readBytes: 5,
    voluntary: 9,
  })
  procfs.set(2, { comm: 'seenlate', utime: 800 })
  procfs.set(3, {
    comm: 'threads',
    starttime: LATE,
    utime: 700,
    threads: {
      3: { comm: 'threads', utime: 300, voluntary: 9 },
      4: { comm: 'threads', utime: 400, voluntary: 11 },
    },
  })
  has(t, await groups.collect(), {
    'cpu_seconds_total{late,user}': 7,
    'cpu_seconds_total{late,system}': 0.3,
    'read_bytes_total{late}': 5,
    'context_switches_total{voluntary,late}': 9,
    'cpu_seconds_total{seenlate,user}': 0,
    'cpu_seconds_total{threads,user}': 7,
    'context_switches_total{voluntary,threads}': 20,
    'thread_cpu_seconds_total{threads,user,threads}': 7,
  })
})

test('a PID that is used again is another process', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(1, { comm: 'one', starttime: LATE, utime: 700 })
  await groups.collect()
  procfs.set(1, { comm: 'two', starttime: LATE + 1, utime: 50 })
  has(t, await groups.collect(), {
    'cpu_seconds_total{one,user}': 7,
    'num_procs{one}': 0,
    'cpu_seconds_total{two,user}': 0.5,
  })
  procfs.set(1, { comm: 'two', starttime: LATE + 2, utime: 60 })
  has(t, await groups.collect(), { 'cpu_seconds_total{two,user}': 1.1, 'num_procs{two}': 1 })
  procfs.set(1, { comm: 'two', starttime: LATE + 2, utime: 10 })
  has(t, await groups.collect(), { 'cpu_seconds_total{two,user}': 1.1 })
})

/** A process with three threads, as it is and as it becomes. */
const THREADS = {
  comm: 'main',
  utime: 100,
  stime: 20,
  wchan: 'do_poll',
  voluntary: 5,
  nonvoluntary: 1,
  threads: {
    100: { comm: 'main', wchan: 'do_poll', utime: 10, voluntary: 5, nonvoluntary: 1 },
    101: {
      comm: 'wrk',
      state: 'R',
      wchan: 'futex',
      utime: 20,
      stime: 2,
      readBytes: 20,
      writeBytes: 2,
      voluntary: 1000,
      nonvoluntary: 50,
    },
    102: { comm: 'wrk', state: 'D', wchan: '', voluntary: 7, nonvoluntary: 3 },
  },
}

test('threads are counted once each, and by name', async (t) => {
  const procfs = tree(t)
  procfs.set(100, THREADS)
  const groups = processGroups(procfs.root)
  has(t, await groups.collect(), {
    'num_threads{main}': 3,
    'states{main,Running}': 1,
    'states{main,Sleeping}': 1,
    'states{main,Waiting}': 1,
    'threads_wchan{main,do_poll}': 1,
    'threads_wchan{main,futex}': 1,
    'thread_count{main,main}': 1,
    'thread_count{main,wrk}': 2,
    'thread_cpu_seconds_total{main,user,wrk}': 0,
  })
  const [main, worker, waiter] = Object.values(THREADS.threads)
  procfs.set(100, {
    ...THREADS,
    utime: 200,
    threads: {
      100: { ...main, utime: 15, voluntary: 6 },
      101: {
        ...worker,
        utime: 120,
        stime: 12,
        readBytes: 120,
        writeBytes: 12,
        voluntary: 1100,
        minflt: 9,
        majflt: 4,
      },
      102: waiter,
      103: { comm: 'wrk', state: 'Z', voluntary: 3, nonvoluntary: 1, wchan: 'do_poll' },
    },
  })
  const used = {
    'cpu_seconds_total{main,user}': 1,
    'context_switches_total{voluntary,main}': 104,
    'context_switches_total{nonvoluntary,main}': 1,
    'thread_cpu_seconds_total{main,user,main}': 0.05,
    'thread_cpu_seconds_total{main,user,wrk}': 1,
    'thread_cpu_seconds_total{main,system,wrk}': 0.1,
    'thread_io_bytes_total{main,read,wrk}': 100,
    'thread_io_bytes_total{main,write,wrk}': 10,
    'thread_minor_page_faults_total{main,wrk}': 9,
    'thread_major_page_faults_total{main,wrk}': 4,
  }
  has(t, await groups.collect(), {
    ...used,
    'thread_count{main,wrk}': 3,
    'states{main,Zombie}': 1,
    'threads_wchan{main,do_poll}': 2,
  })
  // The busiest thread ends: what it did stays.
  procfs.set(100, {
    ...THREADS,
    utime: 200,
    threads: { 100: { ...main, utime: 15, voluntary: 6 }, 102: waiter },
  })
  has(t, await groups.collect(), { ...used, 'thread_count{main,wrk}': 1 })
})

test('threads that can not be read for once do not count twice', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root)
  await groups.collect()
  const threads = { 100: { voluntary: 7 }, 101: { comm: 'wrk', voluntary: 1000, utime: 50 } }
  const process = { starttime: LATE, threads }
  const all = { 'context_switches_total{voluntary,app}': 1007, 'num_procs{app}': 1 }
  procfs.set(100, process)
  has(t, await groups.collect(), all)
  procfs.damage(100, 'task/101/status', '')
  has(t, await groups.collect(), { ...all, 'thread_count{app,wrk}': undefined })
  procfs.set(100, process)
  has(t, await groups.collect(), { ...all, 'thread_count{app,wrk}': 1 })
  procfs.set(100, { ...process, without: ['task'] })
  has(t, await groups.collect(), all)
  procfs.set(100, process)
  has(t, await groups.collect(), all)
})

test('from one thread to two, and back', async (t) => {
  const procfs = tree(t)
  procfs.set(100, { comm: 'app', voluntary: 5, utime: 10 })
  const groups = processGroups(procfs.root)
  await groups.collect()
  const two = {
    100: { comm: 'app', voluntary: 6, utime: 10 },
    101: { comm: 'new', voluntary: 100, utime: 30 },
  }
  procfs.set(100, { comm: 'app', voluntary: 6, utime: 40, threads: two })
  has(t, await groups.collect(), {
    'context_switches_total{voluntary,app}': 101,
    'cpu_seconds_total{app,user}': 0.3,
    'thread_cpu_seconds_total{app,user,new}': 0.3,
    'states{app,Sleeping}': 2,
  })
  procfs.set(100, {
    comm: 'app',
    voluntary: 8,
    utime: 45,
    threads: { 100: { ...two[100], voluntary: 8, utime: 15 } },
  })
  has(t, await groups.collect(), {
    'context_switches_total{voluntary,app}': 103,
    'cpu_seconds_total{app,user}': 0.35,
    'thread_cpu_seconds_total{app,user,app}': 0.05,
    'thread_count{app,new}': undefined,
  })
})

test('a group that comes back goes on where it was', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(1, { comm: 'job', starttime: LATE, utime: 100 })
  await groups.collect()
  procfs.remove(1)
  has(t, await groups.collect(), { 'cpu_seconds_total{job,user}': 1, 'num_procs{job}': 0 })
  procfs.set(2, { comm: 'job', starttime: LATE, utime: 50 })
  has(t, await groups.collect(), {
    'cpu_seconds_total{job,user}': 1.5,
    'thread_cpu_seconds_total{job,user,job}': 1.5,
    'num_procs{job}': 1,
  })
})

test('a group without members is forgotten when that is wanted, and begins anew', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root, { remove_empty: true })
  await groups.collect()
  procfs.set(1, { comm: 'job', starttime: LATE, utime: 100 })
  await groups.collect()
  const { time } = await groups.sampler.snapshot()
  // Times have whole milliseconds.
  await delay(2)
  procfs.remove(1)
  has(t, await groups.collect(), {
    'cpu_seconds_total{job,user}': undefined,
    'num_procs{job}': undefined,
  })
  procfs.set(2, { comm: 'job', starttime: LATE, utime: 50 })
  has(t, await groups.collect(), { 'cpu_seconds_total{job,user}': 0.5 })
  const { scopes } = await groups.sampler.snapshot()
  const cpu = scopes[0].metrics.find(({ descriptor }) => descriptor.name === 'procgroup.cpu.time')
  const [seconds, nanoseconds] = cpu?.dataPoints[0].startTime ?? [0, 0]
  t.true(seconds > time[0] || (seconds === time[0] && nanoseconds > time[1]))
})

test('several processes in a group', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { starttime: 5000, openFiles: 4, openFilesLimit: 10, rss: 3, vsize: 100, pss: 1 })
  procfs.set(2, {
    starttime: 2000,
    openFiles: 1,
    rss: 4,
    vsize: 50,
    pss: 2,
    state: 'R',
    wchan: 'w1',
  })
  procfs.set(3, { starttime: 9999, openFiles: 0, openFilesLimit: 1, rss: 2, pss: 4, wchan: 'w1' })
  has(t, await processGroups(procfs.root).collect(), {
    'oldest_start_time_seconds{app}': 1.60000002e9,
    'open_filedesc{app}': 5,
    'worst_fd_ratio{app}': 0.4,
    'memory_bytes{app,resident}': 36864,
    'memory_bytes{app,virtual}': 8342,
    'memory_bytes{app,proportionalResident}': 7168,
    'states{app,Running}': 1,
    'states{app,Sleeping}': 2,
    'threads_wchan{app,w1}': 2,
  })
})

test('states', async (t) => {
  const procfs = tree(t)
  for (const [index, state] of [...'RSDZTtXxKWPI'].entries()) procfs.set(index + 1, { state })
  has(t, await processGroups(procfs.root).collect(), {
    'states{app,Running}': 1,
    'states{app,Sleeping}': 1,
    'states{app,Waiting}': 1,
    'states{app,Zombie}': 1,
    'states{app,Other}': 8,
  })
})

test('limits: unlimited, and none', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { comm: 'unlimited', openFilesLimit: 'unlimited' })
  procfs.set(2, { comm: 'nothing', openFilesLimit: 0 })
  procfs.set(3, { comm: 'idle', openFilesLimit: 0, openFiles: 0 })
  has(t, await processGroups(procfs.root).collect(), {
    'worst_fd_ratio{unlimited}': 1.6263032587282567e-19,
    'worst_fd_ratio{nothing}': Number.POSITIVE_INFINITY,
    'worst_fd_ratio{idle}': 0,
  })
})

test('what can not be read is left out and counted, never zero', async (t) => {
  const procfs = tree(t)
  for (const [index, file] of ['io', 'smaps_rollup', 'fd', 'wchan'].entries()) {
    procfs.set(index + 1, { comm: file, without: [file] })
  }
  const groups = processGroups(procfs.root)
  const samples = await groups.collect()
  has(t, samples, {
    'read_bytes_total{io}': undefined,
    'open_filedesc{io}': 3,
    'memory_bytes{smaps_rollup,proportionalResident}': undefined,
    'memory_bytes{smaps_rollup,resident}': 8192,
    'open_filedesc{fd}': undefined,
    'worst_fd_ratio{fd}': undefined,
    'num_procs{wchan}': 1,
    'namedprocess_scrape_partial_errors{}': 4,
    'namedprocess_scrape_procread_errors{}': 0,
    'procgroup_file_errors_total{ENOENT,io}': 1,
  })
  has(t, await groups.collect(), { 'namedprocess_scrape_partial_errors{}': 8 })
})

test('I/O that can not be read for a while neither falls nor counts twice', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { readBytes: 500 })
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(1, { readBytes: 1500 })
  has(t, await groups.collect(), { 'read_bytes_total{app}': 1000 })
  procfs.set(1, { without: ['io'] })
  has(t, await groups.collect(), { 'read_bytes_total{app}': 1000 })
  procfs.set(1, { readBytes: 2000 })
  has(t, await groups.collect(), { 'read_bytes_total{app}': 1500 })
})

test('a limit that can not be read for once does not make the process new', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root)
  await groups.collect()
  const process = { starttime: LATE, utime: 50, readBytes: 5 }
  procfs.set(1, process)
  await groups.collect()
  procfs.set(1, { ...process, without: ['limits'] })
  has(t, await groups.collect(), { 'num_procs{app}': 1, 'worst_fd_ratio{app}': undefined })
  procfs.set(1, process)
  has(t, await groups.collect(), { 'cpu_seconds_total{app,user}': 0.5, 'read_bytes_total{app}': 5 })
})

test('a damaged stat keeps the process known', async (t) => {
  const procfs = tree(t)
  const groups = processGroups(procfs.root)
  await groups.collect()
  const process = { starttime: LATE, utime: 50 }
  procfs.set(1, process)
  await groups.collect()
  procfs.damage(1, 'stat', '1 (app) S 1')
  has(t, await groups.collect(), {
    'num_procs{app}': 0,
    'cpu_seconds_total{app,user}': 0.5,
    'namedprocess_scrape_procread_errors{}': 1,
    'procgroup_file_errors_total{EFORMAT,stat}': 1,
  })
  procfs.set(1, process)
  has(t, await groups.collect(), { 'num_procs{app}': 1, 'cpu_seconds_total{app,user}': 0.5 })
})

test('procfs away: only what is said of the reading remains, then all is back', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { utime: 5 })
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.hide(true)
  has(t, await groups.collect(), { 'num_procs{app}': undefined, 'namedprocess_scrape_errors{}': 1 })
  t.is(groups.errors.length, 1)
  procfs.hide(false)
  procfs.set(1, { utime: 105 })
  has(t, await groups.collect(), {
    'cpu_seconds_total{app,user}': 1,
    'namedprocess_scrape_errors{}': 1,
  })
})

test('counters beyond 2^53 add exactly', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { readBytes: 2n ** 63n })
  const groups = processGroups(procfs.root)
  await groups.collect()
  procfs.set(1, { readBytes: 2n ** 63n + 3n })
  has(t, await groups.collect(), { 'read_bytes_total{app}': 3 })
})

test('without threads no thread is read', async (t) => {
  const procfs = tree(t)
  procfs.set(100, { ...THREADS, without: ['task'] })
  has(t, await processGroups(procfs.root, { threads: false }).collect(), {
    'num_threads{main}': 3,
    'states{main,Sleeping}': 1,
    'thread_count{main,main}': undefined,
    'namedprocess_scrape_partial_errors{}': 0,
  })
})

test('without smaps there is no proportional memory', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { without: ['smaps_rollup'] })
  has(t, await processGroups(procfs.root, { smaps: false }).collect(), {
    'memory_bytes{app,proportionalResident}': undefined,
    'memory_bytes{app,resident}': 8192,
    'namedprocess_scrape_partial_errors{}': 0,
  })
})

test('proportional memory of a process that has changed none is not read again', async (t) => {
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  tree.set(1, { pss: 10 })
  const procfs = new Procfs(tree.root, { timeLimit: 30_000 })
  const stats = new ExpensiveStats()
  // Later than what took long, as on a busy machine, may be read again.
  let now = performance.now()
  const isDue = (stat: Stat) => {
    now += 5e6
    return stats.isMemoryDue(stat, now, 1e9, 0)
  }
  t.true(isDue(emptyStat()))
  await stats.readMemory(procfs, procfs.directory(1))
  t.is(stats.pss, 10240)
  t.false(isDue({ ...emptyStat(), utime: 5, cminflt: 1 }))
  const changes: Partial<Stat>[] = [{ minflt: 1 }, { majflt: 1 }, { rss: 7 }, { vsize: 1 }]
  for (const changed of changes) {
    t.true(isDue({ ...emptyStat(), ...changed }), Object.keys(changed)[0])
    t.false(isDue({ ...emptyStat(), ...changed }))
  }
})

test('proportional memory is not read again before its interval is over', async (t) => {
  const procfs = tree(t)
  procfs.set(1, { pss: 10 })
  const groups = processGroups(procfs.root, { refresh: 3_600_000, smaps_interval: 3_600_000 })
  const pss = 'memory_bytes{app,proportionalResident}'
  has(t, await groups.collect(), { [pss]: 10240 })
  procfs.set(1, { pss: 20, minflt: 1 })
  has(t, await groups.collect(), { [pss]: 10240 })
})

test('hostile names become labels like all others', async (t) => {
  const procfs = tree(t)
  const names = ['quo"te', 'new\nline', 'back\\slash', 'paren) (R 1', '', ' ']
  for (const [index, comm] of names.entries()) procfs.set(index + 1, { comm })
  procfs.set(99, { comm: Buffer.from([0x62, 0xe8, 0xa1]) })
  const samples = await processGroups(procfs.root).collect()
  for (const comm of [...names, 'b\uFFFD']) t.is(samples.get(`num_procs{${comm}}`), 1, comm)
})
