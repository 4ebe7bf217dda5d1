/** Compares the records of the task iterator with procfs values of the same processes, read just before and after. */
import { CpuTimes } from '../../src/kernel/bpf/cpu-times.ts'
import type { TaskIterator } from '../../src/kernel/bpf/task-iterator.ts'
import { PROCESS, TASK, TaskRecords, WORD } from '../../src/kernel/bpf/task-records.ts'
import { stateLetter } from '../../src/kernel/bpf/task-states.ts'
import { emptyIo } from '../../src/kernel/procfs/io.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { emptyStat } from '../../src/kernel/procfs/stat.ts'
import { emptyStatus } from '../../src/kernel/procfs/status.ts'

const TICK = 1e7
const PAGE = 4096

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

/** What came of all comparisons so far. */
export class Comparison {
  /** Records that were compared. */
  readings = 0
  /** Those of processes that slept meanwhile: all that they have is the same then. */
  asleep = 0
  /** Records that were left out because threads exited while the kernel added them up. */
  torn = 0
  /** Sentences, one for each value that is not what procfs says. */
  readonly outside: string[] = []
  readonly #records = new TaskRecords()
  /** Facts by what became of them: as both readings of procfs, which agree, or not. */
  readonly #facts = new Map<string, { same: number; other: number }>()

  /** Reads the processes from procfs, from the iterator, and from procfs again. */
  round(iterator: TaskIterator, pids: readonly number[]): void {
    const before = readings(pids)
    const seen = readPass(iterator, this.#records)
    const after = readings(pids)
    for (const pid of pids) {
      const offset = seen.get(pid)
      const [first, last] = [before.get(pid), after.get(pid)]
      if (offset === undefined || first === undefined || last === undefined) continue
      this.#records.moveTo(offset)
      this.#compare(pid, first, this.#records, last)
    }
  }

  #compare(pid: number, first: Reading, records: TaskRecords, last: Reading): void {
    if (first.facts.start !== last.facts.start) return
    if (records.word(WORD.sumsFlags) !== 0) {
      this.torn++
      return
    }
    this.readings++
    const isAsleep = hasSlept(first, last)
    if (isAsleep) this.asleep++
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
      if (value !== last.facts[name] && (isAsleep || FIXED.has(name))) {
        this.outside.push(`process ${pid}: ${name} is ${value}, procfs says ${last.facts[name]}`)
      }
    }
  }

  /** One sentence for each fact. */
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

/** Whether a process with one thread has not been on a CPU between two readings. */
function hasSlept(first: Reading, last: Reading): boolean {
  const isSame = (name: string) => first.counters[name] === last.counters[name]
  return (
    last.facts.threads === 1 &&
    ['voluntary', 'nonvoluntary', 'cpu', 'minflt'].every(isSame) &&
    last.facts.state === 'S'
  )
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
      wchan: records.wchan(),
    },
  }
}

const PROCESS_RESIDENT = [PROCESS.rssFile, PROCESS.rssAnon, PROCESS.rssShmem]
