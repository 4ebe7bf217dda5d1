/** What processes used that ended, by totals of their ends: credited once, to the group that they would have had. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import test, { type ExecutionContext } from 'ava'
import type { ExitSource } from '../../../../src/collectors/process-groups/track/exit-source.ts'
import {
  type Drained,
  ExitTotals,
  type ExitUsage,
  type ListedExit,
  type ProcessId,
  type UnseenExits,
} from '../../../../src/kernel/bpf/exit-totals.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { type Process, ProcfsTree } from '../../../support/procfs-tree.ts'
import { skip } from '../../../support/skip.ts'

/** Far in the future of the trees' boot time, so later than any start of the collector. */
const LATE = 100_000_000_000
/** Of processes that were there before the agent. */
const EARLY = 1000
const TICK = 1e7
const ZERO = { utime: 0, stime: 0, runtime: 0, minflt: 0, majflt: 0 }
const NOTHING: ExitUsage = {
  ...ZERO,
  ...{ exits: 0, voluntary: 0, nonvoluntary: 0, readBytes: 0, writeBytes: 0 },
}

/** @param ticks of CPU time in user mode. */
function used(ticks: number, rest: Partial<ExitUsage> = {}): ExitUsage {
  return { ...NOTHING, exits: 1, utime: ticks * TICK, runtime: ticks * TICK, ...rest }
}

function idOf(pid: number, start = LATE): ProcessId {
  return { pid, start: start * TICK }
}

/** What a test lets the kernel say. */
class Told implements ExitSource {
  next: Partial<Drained> | Error = {}
  readonly calls: string[] = []

  beginPass(): void {
    this.calls.push('begin')
  }

  endPass(): void {
    this.calls.push('end')
  }

  drain(): Drained {
    this.calls.push('drain')
    const { next } = this
    if (next instanceof Error) throw next
    this.next = {}
    return { listed: [], unseen: [], starts: [], ...next }
  }

  lost() {
    return { exits: 3, starts: 4 }
  }

  close(): void {
    this.calls.push('close')
  }
}

type Node = Readonly<Record<number, Process>>

/** A node whose states follow each other, each with what the kernel has told meanwhile. */
function node(t: ExecutionContext, options: Parameters<typeof processGroups>[1] = {}) {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  const source = new Told()
  const failures: string[] = []
  const groups = processGroups(procfs.root, {
    ...options,
    exits: {
      open: () => Promise.resolve(source),
      onFailure: ({ message }) => failures.push(message),
    },
  })
  let pids: string[] = []
  const after = async (state: Node, told: Told['next'] = {}) => {
    for (const pid of pids) procfs.remove(Number(pid))
    pids = Object.keys(state)
    for (const [pid, process] of Object.entries(state)) procfs.set(Number(pid), process)
    source.next = told
    const samples = await groups.collect()
    return (key: string) => samples.get(key)
  }
  return { after, source, failures }
}

const INIT = { comm: 'init', ppid: 0 }
const MAKE = { comm: 'make', ppid: 1, starttime: LATE }
const CC = { comm: 'cc', ppid: 2, starttime: LATE }

function unseen(comm: string, usage: ExitUsage, ancestor = idOf(2)): UnseenExits {
  return { ancestor, comm, usage }
}

function listed(process: ProcessId, comm: string, usage: ExitUsage): ListedExit {
  return { process, ...unseen(comm, usage) }
}

test('processes that nobody saw count in the group of their ancestor', async (t) => {
  const { after, source } = node(t)
  await after({ 1: INIT, 2: MAKE })
  const usage = used(50, {
    exits: 7,
    stime: 50 * TICK,
    runtime: 100 * TICK,
    minflt: 9,
    voluntary: 5,
  })
  const value = await after({ 1: INIT, 2: MAKE }, { unseen: [unseen('make', usage)] })
  t.is(value('cpu_seconds_total{make,user}'), 0.5)
  t.is(value('cpu_seconds_total{make,system}'), 0.5)
  t.is(value('minor_page_faults_total{make}'), 9)
  t.is(value('context_switches_total{voluntary,make}'), 5)
  t.is(value('procgroup_process_exits_total{make}'), 7)
  t.is(value('procgroup_exit_omissions_total{}'), 3)
  t.is(value('procgroup_fork_omissions_total{}'), 4)
  t.deepEqual(source.calls, ['begin', 'end', 'drain', 'begin', 'end', 'drain'])
})

test('parts of a clock tick add up', async (t) => {
  const { after } = node(t)
  await after({ 1: INIT, 2: MAKE })
  let last = 0
  for (let round = 0; round < 10; round++) {
    const value = await after({ 1: INIT, 2: MAKE }, { unseen: [unseen('make', used(0.35))] })
    last = value('cpu_seconds_total{make,user}') ?? -1
  }
  t.is(last, 0.03)
})

test('where others of their name were seen below that group, they count in the group of these', async (t) => {
  const { after } = node(t)
  await after({ 1: INIT, 2: MAKE, 3: CC })
  const value = await after(
    { 1: INIT, 2: MAKE },
    {
      unseen: [
        unseen('cc', used(50)),
        unseen('ld', used(10)),
        unseen('cc', used(1), idOf(1, EARLY)),
      ],
    },
  )
  t.is(value('cpu_seconds_total{cc,user}'), 0.5)
  t.is(value('cpu_seconds_total{make,user}'), 0.1)
})

test('children of a process in no group count where others of their name do that it has started', async (t) => {
  const rules = [{ name: 'job', cmdline: ['^worker$'] }]
  const { after } = node(t, { rules, children: false })
  const state = {
    1: INIT,
    2: { ...MAKE, comm: 'one' },
    3: { ...MAKE, comm: 'two' },
    4: { comm: 'py', ppid: 2, starttime: LATE, argv: ['worker'] },
  }
  await after({ 1: INIT })
  await after(state)
  const unseenBelow = (pid: number) => unseen('py', used(10), idOf(pid))
  const value = await after(state, { unseen: [unseenBelow(2), unseenBelow(3)] })
  t.is(value('cpu_seconds_total{job,user}'), 0.1)
})

test('of a process that was seen the rest counts, in its own group and once', async (t) => {
  const { after } = node(t)
  await after({ 1: INIT, 2: MAKE })
  await after({ 1: INIT, 2: MAKE, 3: { ...CC, utime: 30, minflt: 4 } })
  const exit = (ticks: number) => listed(idOf(3), 'cc', used(ticks, { minflt: 6 }))
  const first = await after({ 1: INIT, 2: MAKE }, { listed: [exit(50)] })
  t.is(first('cpu_seconds_total{cc,user}'), 0.5)
  t.is(first('minor_page_faults_total{cc}'), 6)
  // It is told again when the kernel has freed it.
  const second = await after({ 1: INIT, 2: { ...MAKE, cutime: 55 } }, { listed: [exit(55)] })
  t.is(second('cpu_seconds_total{cc,user}'), 0.55)
  t.is(second('cpu_seconds_total{make,user}'), 0)
  t.is(second('procgroup_process_exits_total{cc}'), 1)
})

test('what ends as it is listed counts once, also where a zombie is left', async (t) => {
  const { after } = node(t)
  await after({ 1: INIT, 2: MAKE })
  const told = (ticks: number) => ({ listed: [listed(idOf(3), 'make', used(ticks))] })
  const first = await after({ 1: INIT, 2: MAKE }, told(40))
  t.is(first('cpu_seconds_total{make,user}'), 0.4)
  const zombie = { ...MAKE, ppid: 2, state: 'Z', utime: 42 }
  for (let round = 0; round < 5; round++) {
    const seen = await after({ 1: INIT, 2: MAKE, 3: zombie })
    t.is(seen('cpu_seconds_total{make,user}'), 0.4)
  }
  const last = await after({ 1: INIT, 2: MAKE }, told(43))
  t.is(last('cpu_seconds_total{make,user}'), 0.43)
})

test('what a process had of a clock tick when it was seen last is not lost', async (t) => {
  const { after } = node(t)
  await after({ 1: INIT, 2: MAKE })
  // It is seen, and ends before all are.
  const exit = (ticks: number) => ({ listed: [listed(idOf(3), 'cc', used(ticks))] })
  await after({ 1: INIT, 2: MAKE, 3: CC }, exit(0.6))
  await after({ 1: INIT, 2: MAKE, 3: { ...CC, state: 'Z', utime: 1 } })
  const value = await after({ 1: INIT, 2: MAKE }, exit(2))
  t.is(value('cpu_seconds_total{cc,user}'), 0.02)
})

test('a process that is older than the agent is not counted from its birth', async (t) => {
  const { after } = node(t)
  const old = { comm: 'make', ppid: 1, utime: 1000 }
  await after({ 1: INIT, 2: old })
  const exit = listed(idOf(2, EARLY), 'make', used(1030))
  const value = await after(
    { 1: INIT },
    { listed: [exit, listed(idOf(9, EARLY), 'make', used(77))] },
  )
  t.is(value('cpu_seconds_total{make,user}'), 0.3)
})

test('forks and executions count in the group of the process', async (t) => {
  const { after } = node(t)
  const before = await after({ 1: INIT, 2: MAKE })
  t.is(before('procgroup_process_forks_total{make}'), 0)
  const starts = [{ process: idOf(2), forks: 5, execs: 4 }]
  const value = await after({ 1: INIT, 2: MAKE }, { starts })
  t.is(value('procgroup_process_forks_total{make}'), 5)
  t.is(value('procgroup_process_execs_total{make}'), 4)
})

test('ends of processes whose ancestor is unknown are counted as omissions', async (t) => {
  const { after } = node(t)
  await after({ 1: INIT, 2: MAKE })
  const value = await after({ 1: INIT, 2: MAKE }, { unseen: [unseen('x', used(5), idOf(77))] })
  t.is(value('procgroup_exit_omissions_total{}'), 4)
})

test('what parents have waited for counts from the collection on in which the source fails', async (t) => {
  const { after, source, failures } = node(t)
  await after({ 1: INIT, 2: MAKE })
  await after({ 1: INIT, 2: { ...MAKE, cutime: 40 } }, { unseen: [unseen('make', used(40))] })
  const value = await after({ 1: INIT, 2: { ...MAKE, cutime: 70 } }, new Error('the map is gone'))
  t.is(value('cpu_seconds_total{make,user}'), 0.7)
  const later = await after({ 1: INIT, 2: { ...MAKE, cutime: 80 } })
  t.is(later('cpu_seconds_total{make,user}'), 0.8)
  t.is(later('procgroup_exit_omissions_total{}'), undefined)
  t.deepEqual(failures, ['the map is gone'])
  t.is(source.calls.at(-1), 'close')
})

/** 300 children that sleep 2 ms and are not waited for. */
const PARENT = `
import os, signal, sys, time
sys.stdin.readline()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
pipes = []
for _ in range(300):
    reading, writing = os.pipe()
    if os.fork() == 0: time.sleep(0.002); os._exit(0)
    os.close(writing); os.read(reading, 1); os.close(reading)
print('done', flush=True)
sys.stdin.readline()
`

test.serial(
  'where the kernel has no room the omissions say how many ends are missing',
  async (t) => {
    const ROOM = 4
    let totals: ExitTotals
    try {
      totals = await ExitTotals.load(ROOM)
    } catch (error) {
      skip(t, `no BPF here: ${(error as Error).message}`)
      return
    }
    t.teardown(() => totals.close())
    const child = spawn('/usr/bin/python3', ['-c', PARENT], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    const line = once(createInterface({ input: child.stdout }), 'line')
    // Each is told by itself: there was no pass yet.
    child.stdin.write('go\n')
    await line
    t.true(totals.drain().listed.length <= ROOM)
    t.true(totals.lost().exits >= 300 - ROOM)
  },
)
