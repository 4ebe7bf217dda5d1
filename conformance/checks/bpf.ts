import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CpuTimes } from '../../src/kernel/bpf/cpu-times.ts'
import { loadTaskIterator, type TaskIterator } from '../../src/kernel/bpf/task-iterator.ts'
import { PROCESS, TASK, TaskRecords, WORD } from '../../src/kernel/bpf/task-records.ts'
import { stateLetter } from '../../src/kernel/bpf/task-states.ts'
import { emptyIo } from '../../src/kernel/procfs/io.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { emptyStat } from '../../src/kernel/procfs/stat.ts'
import { emptyStatus } from '../../src/kernel/procfs/status.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { MissingPeer } from '../support/packages.ts'

const READINGS = 2000
const PROCESSES = 24
const TICK = 1e7
const PAGE = 4096

/**
 * Processes that burn CPU in user and kernel mode, fault, open files, write, start and join threads, start and wait for
 * children, and execute themselves again.
 */
const BUSY = `
import os, sys, threading, time, random, mmap
number = int(sys.argv[1]); script = sys.argv[0]
random.seed(number + os.getpid() * 100 + int(time.time()))
path = script + '.' + str(number)
def work(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(2000 * (1 + number % 3)): pass
        for _ in range(300 * (number % 5)): os.getppid()
        memory = mmap.mmap(-1, 1 << 18)
        for page in range(0, 1 << (12 + number % 6), 4096): memory[page] = 1
        with open(path, 'w') as file:
            file.write('x' * 5000)
            copies = [os.dup(file.fileno()) for _ in range(random.randrange(20))]
            time.sleep(random.random() * 0.02)
            for copy in copies: os.close(copy)
        if number % 6 == 1:
            if os.fork() == 0: sum(range(100000)); os._exit(0)
            os.wait()
def rounds():
    for _ in range(4):
        threads = [threading.Thread(target=work, args=(random.random(),)) for _ in range(number % 4)]
        for thread in threads: thread.start()
        work(0.5)
        for thread in threads: thread.join()
rounds()
os.execv(sys.executable, [sys.executable] + sys.argv)
`

export const check: Check = {
  title: 'what the BPF task iterator says of busy processes lies between two readings of procfs',

  async run(context) {
    let iterator: TaskIterator
    try {
      iterator = await loadTaskIterator({ threads: true, wchan: true })
    } catch (error) {
      throw new MissingPeer(`the kernel takes no BPF program here: ${(error as Error).message}`)
    }
    context.scope.onEnd(() => iterator.close())
    const pids = await startBusy(context)
    const comparison = new Comparison()
    const records = new TaskRecords()
    while (comparison.readings < READINGS) {
      const before = readings(pids)
      const seen = readPass(iterator, records)
      const after = readings(pids)
      for (const pid of pids) {
        const offset = seen.get(pid)
        const [first, last] = [before.get(pid), after.get(pid)]
        if (offset === undefined || first === undefined || last === undefined) continue
        records.moveTo(offset)
        comparison.compare(pid, first, records, last)
      }
      await delay(20)
    }
    for (const line of comparison.lines()) context.print(line)
    require(comparison.outside.length === 0, comparison.outside.slice(0, 5).join('; '))
    return `${comparison.readings} readings, ${comparison.torn} left out for threads that exited meanwhile; no counter out of bounds`
  },
}

async function startBusy({ scope }: CheckContext): Promise<number[]> {
  const script = join(scope.directory(), 'busy.py')
  writeFileSync(script, BUSY)
  const children = Array.from({ length: PROCESSES }, (_, number) =>
    scope.spawn('/usr/bin/python3', [script, String(number)]),
  )
  await delay(500)
  return children.map(({ pid }) => pid as number)
}

function readPass(iterator: TaskIterator, records: TaskRecords): Map<number, number> {
  const seen = new Map<number, number>()
  records.clear()
  const pass = iterator.begin()
  try {
    for (let start = 0; pass.read(records); start = records.length) {
      records.scan(start, (offset) => {
        if (records.isLeader) seen.set(records.word(WORD.pid), offset)
      })
    }
  } finally {
    pass.close()
  }
  return seen
}

const procfs = new Procfs()

/** What procfs says of a process. */
interface Reading {
  readonly counters: Readonly<Record<string, number>>
  readonly facts: Readonly<Record<string, number | string>>
}

function readings(pids: readonly number[]): Map<number, Reading> {
  return new Map(
    pids.flatMap((pid) => {
      try {
        return [[pid, read(procfs.directory(pid))]]
      } catch {
        return []
      }
    }),
  )
}

function read(directory: string): Reading {
  const [stat, status, io] = [emptyStat(), emptyStatus(), emptyIo()]
  procfs.stat(directory, stat)
  const comm = procfs.comm()
  procfs.status(directory, status)
  procfs.io(directory, io)
  const { utime, stime, cutime, cstime, minflt, majflt, cminflt, cmajflt } = stat
  const counters = { utime, stime, cutime, cstime, minflt, majflt, cminflt, cmajflt }
  const { voluntary, nonvoluntary } = status
  return {
    counters: numbers({ ...counters, ...io, voluntary, nonvoluntary, cpu: utime + stime }),
    facts: {
      comm,
      ppid: stat.ppid,
      start: stat.starttime,
      stack: stat.stack,
      threads: stat.threads,
      virtual: stat.vsize,
      resident: status.resident ?? 0,
      swap: status.swap,
      euid: status.euid,
      state: String.fromCharCode(stat.state),
      descriptors: procfs.openDescriptors(directory),
      limit: procfs.openFilesLimit(directory),
      wchan: procfs.wchan(directory),
    },
  }
}

function numbers(values: Readonly<Record<string, number | bigint>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]))
}

class Comparison {
  readings = 0
  torn = 0
  readonly outside: string[] = []
  /** Facts by what became of them: as both readings of procfs, which agree, or not. */
  readonly #facts = new Map<string, { same: number; other: number }>()

  compare(pid: number, first: Reading, records: TaskRecords, last: Reading): void {
    if (first.facts.start !== last.facts.start) return
    if (records.word(WORD.sumsFlags) !== 0) {
      this.torn++
      return
    }
    this.readings++
    const { counters, facts } = fromRecord(records)
    for (const [name, value] of Object.entries(counters)) {
      const [least, most] = bounds(name, first.counters, last.counters)
      if (value >= least && value <= most) continue
      this.outside.push(`process ${pid}: ${name} is ${value}, procfs says ${least}, then ${most}`)
    }
    for (const [name, value] of Object.entries(facts)) {
      if (first.facts[name] !== last.facts[name]) continue
      const found = this.#facts.get(name) ?? { same: 0, other: 0 }
      found[value === last.facts[name] ? 'same' : 'other']++
      this.#facts.set(name, found)
      if (value !== last.facts[name] && FIXED.has(name)) {
        this.outside.push(`process ${pid}: ${name} is ${value}, procfs says ${last.facts[name]}`)
      }
    }
  }

  *lines(): Generator<string> {
    for (const [name, { same, other }] of this.#facts) {
      yield `${name}: ${same} as procfs before and after, ${other} of another moment`
    }
  }
}

/**
 * The least and the most that a counter may be. Of CPU time only the sum is exact: each reading of procfs divides it anew,
 * so that either part may be more than the next one says, by what the other has grown.
 */
function bounds(
  name: string,
  first: Reading['counters'],
  last: Reading['counters'],
): [least: number, most: number] {
  if (name === 'utime') return [first.utime, last.utime + last.stime - first.stime + 1]
  if (name === 'stime') return [first.stime, last.utime + last.stime - first.utime + 1]
  // Each of the two parts of the sum is rounded down.
  if (name === 'cpu') return [first.cpu, last.cpu + 1]
  return [first[name], last[name]]
}

/** What does not change and change back between two readings. */
const FIXED = new Set(['comm', 'ppid', 'start', 'stack', 'euid', 'limit', 'swap'])

function fromRecord(records: TaskRecords): Reading {
  const times = new CpuTimes()
  times.update({
    utime: records.number(PROCESS.utime),
    stime: records.number(PROCESS.stime),
    runtime: records.number(PROCESS.runtime),
    prevUtime: records.number(PROCESS.prevUtime),
    prevStime: records.number(PROCESS.prevStime),
  })
  const pages = PROCESS_RESIDENT.reduce((sum, offset) => sum + records.number(offset), 0)
  return {
    counters: {
      cpu: Math.floor((times.utime + times.stime) / TICK),
      utime: Math.floor(times.utime / TICK),
      stime: Math.floor(times.stime / TICK),
      cutime: Math.floor(records.number(PROCESS.cutime) / TICK),
      cstime: Math.floor(records.number(PROCESS.cstime) / TICK),
      minflt: records.number(PROCESS.minflt),
      majflt: records.number(PROCESS.majflt),
      cminflt: records.number(PROCESS.cminflt),
      cmajflt: records.number(PROCESS.cmajflt),
      readBytes: records.number(PROCESS.readBytes),
      writeBytes: records.number(PROCESS.writeBytes),
      voluntary: records.number(TASK.voluntary),
      nonvoluntary: records.number(TASK.nonvoluntary),
    },
    facts: {
      comm: records.comm(),
      ppid: records.word(WORD.ppid),
      start: Math.floor(records.number(TASK.start) / TICK),
      stack: records.number(PROCESS.startStack),
      threads: records.word(WORD.threads),
      virtual: records.number(PROCESS.totalVm) * PAGE,
      resident: pages * PAGE,
      swap: records.number(PROCESS.swap) * PAGE,
      euid: records.word(WORD.euid),
      state: String.fromCharCode(stateLetter(records.word(WORD.state))),
      descriptors: records.word(WORD.descriptors),
      limit: records.number(PROCESS.openFilesLimit),
      wchan: records.wchanName(),
    },
  }
}

const PROCESS_RESIDENT = [PROCESS.rssFile, PROCESS.rssAnon, PROCESS.rssShmem]
