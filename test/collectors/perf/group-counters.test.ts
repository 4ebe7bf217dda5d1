/** Perf events of real processes, by group. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { GroupCounters } from '../../../src/collectors/perf/group-counters.ts'
import { Group } from '../../../src/collectors/process-groups/account/group.ts'
import { assignment } from '../../../src/collectors/process-groups/classify/assignment.ts'
import { type Member, Members } from '../../../src/entities/group-members.ts'
import type { Counts } from '../../../src/kernel/perf-events/counters.ts'
import { EVENTS } from '../../../src/kernel/perf-events/events.ts'
import { loadPerfOpener } from '../../../src/kernel/perf-events/open.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { emptyStat } from '../../../src/kernel/procfs/stat.ts'
import { now } from '../../../src/telemetry/clock.ts'
import { TimeSlice } from '../../../src/telemetry/time-slice.ts'
import { skip } from '../../support/skip.ts'

const EVENT = EVENTS.filter(({ label }) => label === 'TaskClock')
const TICKS_PER_SECOND = 100
const procfs = new Procfs()

function startShell(t: ExecutionContext, script: string): ChildProcess {
  const child = spawn('bash', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

function member(pid: number, group: Group): Member {
  const stat = emptyStat()
  const directory = procfs.directory(pid)
  procfs.stat(directory, stat)
  return { pid, ppid: stat.ppid, start: stat.starttime, directory, group }
}

/** Counts the members that `list` gives, of groups of any name that starts with "a". */
async function setUp(list: () => Member[]) {
  const members = new Members()
  members.offer({ members: list, process: () => undefined })
  const opener = await loadPerfOpener()
  const counted = new GroupCounters({
    procfs,
    members,
    ticksPerSecond: TICKS_PER_SECOND,
    parts: { opener, events: EVENT },
    patterns: ['a*'],
  })
  const take = async (budget = 1000) => {
    const found = new Map<unknown, Counts>()
    await counted.collect(new TimeSlice(), budget, now(), ({ attributes }, counts) =>
      found.set(attributes['procgroup.name'], counts),
    )
    return found
  }
  return { counted, take }
}

function seconds(counts: Counts | undefined): number {
  return (counts?.get(EVENT[0])?.value ?? Number.NaN) / 1e9
}

test.serial(
  'what a process starts later counts once, in its group, until the last one has ended',
  async (t) => {
    const shell = startShell(
      t,
      'read; for i in 1 2 3; do (exec sleep 0.01); done; bash -c "echo up; read; for ((i=0;i<300000;i++)); do :; done; echo done; read"; wait',
    )
    const [first, second] = ['apache', 'other'].map((name) => new Group(assignment(name), now()))
    let present = [member(shell.pid as number, first)]
    const { counted, take } = await setUp(() => present)
    await take()
    if (counted.errors > 0) return skip(t, 'perf events of processes may not be counted here')
    t.is(counted.descriptors, 1)
    shell.stdin?.write('\n')
    await once(shell.stdout as NodeJS.ReadableStream, 'data')
    const [pid] = readdirSync('/proc').filter((name) => isChildOf(name, shell.pid as number))
    present = [...present, member(Number(pid), second)]
    const before = await take()
    t.is(counted.descriptors, 1, 'the child has no counter of its own')
    t.deepEqual([...before.keys()], ['apache'])
    const earlier = seconds(before.get('apache'))
    shell.stdin?.write('\n')
    await once(shell.stdout as NodeJS.ReadableStream, 'data')
    const stat = emptyStat()
    procfs.stat(procfs.directory(Number(pid)), stat)
    // For the group's own process has ended, or so it seems: its child goes on.
    present = present.slice(1)
    const after = seconds((await take()).get('apache'))
    const used = (stat.utime + stat.stime) / TICKS_PER_SECOND
    t.true(
      after - earlier > used / 2 && after - earlier < used * 1.5 + 0.05,
      `${after - earlier}, not ${used}`,
    )
    present = []
    await take()
    t.is(counted.descriptors, 0)
  },
)

test.serial(
  'groups that are not named, and those for which no descriptors are left, are not counted',
  async (t) => {
    const shell = startShell(t, 'read')
    const group = new Group(assignment('other'), now())
    const named = new Group(assignment('apache'), now())
    let present = [member(shell.pid as number, group)]
    const { counted, take } = await setUp(() => present)
    t.is((await take()).size, 0)
    t.is(counted.descriptors, 0)
    present = [member(shell.pid as number, named)]
    t.is((await take(0)).get('apache')?.size, 0)
    t.is(counted.omitted, 1)
    await delay(1)
    await take()
    t.is(counted.omitted, 0)
  },
)

function isChildOf(name: string, ppid: number): boolean {
  try {
    return (
      /^\d+$/.test(name) &&
      readFileSync(`/proc/${name}/stat`, 'latin1').split(') ')[1]?.split(' ')[1] === String(ppid)
    )
  } catch {
    return false
  }
}
