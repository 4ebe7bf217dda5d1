/** Upper bounds of the collector's values, from the files of processes that are each in a group of their own. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'
import type { Page } from './page.ts'
import {
  type Counter,
  type Holding,
  type ProcessFacts,
  readProcess,
  type TaskFacts,
} from './procfs-facts.ts'

const GROUP = 'namedprocess_namegroup_'
const TICKS_PER_SECOND = 100
/** Sums in floating point depend on their order. */
const TOLERANCE = 1e-9

/** The counters that samples show, by name and the label that tells them apart. */
const COUNTED: Readonly<Record<string, readonly [counter: Counter, scale: number]>> = {
  'cpu_seconds_total user': ['utime', 1 / TICKS_PER_SECOND],
  'cpu_seconds_total system': ['stime', 1 / TICKS_PER_SECOND],
  'read_bytes_total ': ['readBytes', 1],
  'write_bytes_total ': ['writeBytes', 1],
  'minor_page_faults_total ': ['minflt', 1],
  'major_page_faults_total ': ['majflt', 1],
  'context_switches_total voluntary': ['voluntary', 1],
  'context_switches_total nonvoluntary': ['nonvoluntary', 1],
  'thread_cpu_seconds_total user': ['utime', 1 / TICKS_PER_SECOND],
  'thread_cpu_seconds_total system': ['stime', 1 / TICKS_PER_SECOND],
  'thread_io_bytes_total read': ['readBytes', 1],
  'thread_io_bytes_total write': ['writeBytes', 1],
  'thread_minor_page_faults_total ': ['minflt', 1],
  'thread_major_page_faults_total ': ['majflt', 1],
  'thread_context_switches_total voluntary': ['voluntary', 1],
  'thread_context_switches_total nonvoluntary': ['nonvoluntary', 1],
}
const HELD: Readonly<Record<string, Holding>> = {
  'num_threads ': 'threads',
  'memory_bytes resident': 'resident',
  'memory_bytes virtual': 'virtual',
  'memory_bytes swapped': 'swapped',
  'open_filedesc ': 'descriptors',
}

/** What children have used that a process has waited for. */
const WAITED: Readonly<Partial<Record<Counter, Counter>>> = {
  utime: 'waitedUtime',
  stime: 'waitedStime',
  minflt: 'waitedMinflt',
  majflt: 'waitedMajflt',
}

export class ProcessOracle {
  readonly #root: string
  #processes = new Map<string, ProcessFacts>()
  /** By PID. */
  readonly #seen = new Map<string, Process>()

  constructor(root: string) {
    this.#root = root
  }

  /** Reads what the files say now. */
  read(): void {
    const pids = readdirSync(this.#root).filter((name) => /^\d+$/.test(name))
    this.#processes = new Map(pids.map((pid) => [pid, readProcess(join(this.#root, pid))]))
    for (const [pid, facts] of this.#processes) {
      const process = this.#seen.get(pid) ?? new Process()
      this.#seen.set(pid, process)
      process.add(facts)
    }
    for (const [pid, process] of this.#seen) if (!this.#processes.has(pid)) process.end()
  }

  /** Marks processes without a `stat` as exited: a later process with the PID is another one. */
  endVanished(): void {
    for (const [pid, process] of this.#seen) {
      if (!existsSync(join(this.#root, pid, 'stat'))) process.end()
    }
  }

  /** @throws Error when a process that could not be read as a whole is not told of. */
  requireTold(before: Page | undefined, page: Page): void {
    const broken = [...this.#processes.values()].filter(({ isWhole }) => !isWhole).length
    const failures = (of: Page | undefined) =>
      sum(of, ({ name }) => /^namedprocess_scrape_(procread|partial)_errors$/.test(name))
    const vanished = sum(
      page,
      ({ name, labels }) =>
        name === 'procgroup_collection_processes' &&
        labels.procgroup_collection_outcome === 'vanished',
    )
    const told = failures(page) - failures(before) + vanished
    require(told >= broken, `${broken} processes are broken, but the page tells of ${told}`)
  }

  /**
   * @param options.mayVanish whether processes may have ended since they were read here.
   * @param options.isRecalled whether files may not have been read in this collection.
   * @throws Error when a value is more than the files explain.
   */
  requireExplained(
    page: Page,
    { mayVanish, isRecalled }: { readonly mayVanish: boolean; readonly isRecalled: boolean },
  ): void {
    /** Of threads, all names of a process together. */
    const counted = new Map<
      string,
      { pid: string; counter: Counter; isThread: boolean; value: number }
    >()
    for (const { name, labels, value } of page.samples) {
      const pid = labels.groupname
      if (pid === undefined || this.#seen.get(pid)?.isOdd !== false) continue
      const key = measurementOf(name, labels)
      const holding = HELD[key]
      if (holding !== undefined && !isRecalled) this.#requireHeld(pid, holding, value, mayVanish)
      const [counter, scale] = COUNTED[key] ?? []
      if (counter === undefined || scale === undefined) continue
      const known = counted.get(`${pid} ${key}`)
      counted.set(`${pid} ${key}`, {
        pid,
        counter,
        isThread: key.startsWith('thread_'),
        value: (known?.value ?? 0) + value / scale,
      })
    }
    for (const { pid, counter, isThread, value } of counted.values()) {
      const most = Number(this.#seen.get(pid)?.most(counter, isThread) ?? 0)
      require(value <=
        most * (1 + TOLERANCE) +
          TOLERANCE, `${counter} of process ${pid}${isThread ? "'s threads" : ''} is ${value}, its files explain ${most}`)
    }
  }

  #requireHeld(pid: string, holding: Holding, value: number, mayVanish: boolean): void {
    if (value === 0) return
    const held = this.#processes.get(pid)?.holdings[holding]
    const isExplained =
      held !== undefined &&
      (value === Number(held) || (mayVanish && holding === 'descriptors' && value <= held))
    require(isExplained, `${holding} of process ${pid} is ${value}, its files say ${held}`)
  }
}

/** What a process and its threads can have used, as far as their files have said. */
class Process {
  isOdd = false
  readonly #own = new Account()
  readonly #threads = new Map<string, Account>()

  add(facts: ProcessFacts): void {
    this.isOdd ||= facts.isOdd || [...facts.tasks.values()].some(({ isOdd }) => isOdd)
    this.#own.add(facts)
    for (const [tid, account] of this.#threads) if (!facts.tasks.has(tid)) account.end()
    for (const [tid, task] of facts.tasks) {
      const account = this.#threads.get(tid) ?? new Account()
      this.#threads.set(tid, account)
      account.add(task)
    }
  }

  /** What comes later under its PID is another one. */
  end(): void {
    this.#own.end()
    for (const account of this.#threads.values()) account.end()
  }

  most(counter: Counter, isThread: boolean): bigint {
    const threads = [...this.#threads.values()].reduce(
      (total, account) => total + account.most(counter),
      0n,
    )
    const waited = isThread ? undefined : WAITED[counter]
    const ofOthers = waited === undefined ? 0n : this.#own.most(waited)
    const own = this.#own.most(counter) + ofOthers
    // A process with one thread is that thread; context switches are those of all threads.
    const isOfAll = isThread || counter === 'voluntary' || counter === 'nonvoluntary'
    return isOfAll ? own + threads : own
  }
}

/** By how much counters have risen in all; what another start, or a fall, shows is counted anew. */
class Account {
  readonly #last = new Map<Counter, bigint>()
  readonly #most = new Map<Counter, bigint>()
  #start: bigint | undefined

  add({ start, counters }: TaskFacts): void {
    if (start !== undefined && start !== this.#start) {
      this.end()
      this.#start = start
    }
    for (const [name, value] of Object.entries(counters)) {
      const counter = name as Counter
      if (value === undefined) continue
      const rise = value - (this.#last.get(counter) ?? 0n)
      this.#last.set(counter, value)
      if (rise > 0n) this.#most.set(counter, this.most(counter) + rise)
    }
  }

  end(): void {
    this.#last.clear()
  }

  most(counter: Counter): bigint {
    return this.#most.get(counter) ?? 0n
  }
}

function measurementOf(name: string, labels: Sample['labels']): string {
  const kind = labels.mode ?? labels.memtype ?? labels.iomode ?? labels.ctxswitchtype ?? ''
  return `${name.replace(GROUP, '')} ${kind}`
}

function sum(page: Page | undefined, isWanted: (sample: Sample) => boolean): number {
  const wanted = page?.samples.filter(isWanted) ?? []
  return wanted.reduce((total, { value }) => total + value, 0)
}
