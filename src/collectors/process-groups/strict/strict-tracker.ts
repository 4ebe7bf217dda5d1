/**
 * Tracks processes step by step as process-exporter 0.7.10 does, so that dashboards and alerts made for its numbers
 * see the same ones. What differs from ProcessTracker is listed in
 * docs/migrating-from-process-exporter.md.
 */
import type { HrTime } from '@opentelemetry/api'
import type { Member } from '../../../entities/group-members.ts'
import { isGone } from '../../../kernel/errors.ts'
import { emptyStat } from '../../../kernel/procfs/stat.ts'
import { readTogether, resultOf } from '../../../kernel/read-together.ts'
import { toSeconds } from '../../../telemetry/time.ts'
import { Group } from '../account/group.ts'
import { noUsage, type Usage } from '../account/usage.ts'
import type { Assignment, Match } from '../classify/assignment.ts'
import type { ClassifiedProcess } from '../track/known-process.ts'
import {
  endPass,
  type GroupTracker,
  isReclassified,
  type Outcome,
  type TrackerOptions,
  type TrackerSources,
} from '../track/tracker.ts'
import type { ProcessSnapshot, StrictReader } from './process-snapshot.ts'
import { creditWrapping } from './wrapping.ts'

interface Thread {
  readonly start: number
  readonly last: Usage
}

/** A process that is known: tracked under a group, or ignored. */
interface Process extends ClassifiedProcess {
  rulesVersion: number
  group: Assignment | undefined
  /** The last collection that read it. */
  pass: number
  last: Usage | undefined
  threads: Map<number, Thread>
}

/** A process that is to be classified in this pass, and its snapshot. */
interface Candidate {
  readonly process: Process
  readonly snapshot: ProcessSnapshot
}

/** Tracks processes as process-exporter 0.7.10 does, with its mistakes. */
export class StrictTracker implements GroupTracker {
  readonly groups = new Map<string, Group>()
  outcome: Outcome = { grouped: 0, ignored: 0, vanished: 0, failed: 0 }
  readonly #sources: TrackerSources
  readonly #reader: StrictReader
  readonly #options: TrackerOptions & { readonly threads: boolean }
  /** By PID; without those that are classified at every pass. */
  readonly #processes = new Map<number, Process>()
  readonly #stat = emptyStat()
  #first: HrTime | undefined
  #previous: HrTime
  #pass = 0

  /** @param created the time now: since when the groups of the first collection count. */
  constructor(
    sources: TrackerSources,
    reader: StrictReader,
    options: TrackerOptions & { readonly threads: boolean },
    created: HrTime,
  ) {
    this.#sources = sources
    this.#reader = reader
    this.#options = options
    this.#previous = created
  }

  members(): Iterable<Member> {
    return []
  }

  process(): undefined {}

  async collect(time: HrTime): Promise<void> {
    const { procfs, slice } = this.#sources
    slice.begin()
    const pids = procfs.pids()
    this.#first ??= time
    this.#pass++
    for (const group of this.groups.values()) group.beginPass()
    this.outcome = { grouped: 0, ignored: 0, vanished: 0, failed: 0 }

    const candidates: Candidate[] = []
    for (const pid of pids) {
      if (slice.isOver()) await slice.next()
      const candidate = await this.#visit(pid)
      if (candidate !== undefined) candidates.push(candidate)
    }
    this.#forgetUnread()
    const unmatched = await this.#classify(candidates)
    for (const candidate of unmatched.values()) {
      if (slice.isOver()) await slice.next()
      this.#inherit(candidate, unmatched)
    }
    endPass(this.groups, this.#options)
    this.#previous = time
  }

  /** Reads a process; returns it when it is new, or its classification is not valid any more. */
  async #visit(pid: number): Promise<Candidate | undefined> {
    const { procfs, errors, rules } = this.#sources
    const directory = procfs.directory(pid)
    try {
      if (procfs.isExecuting(directory)) await procfs.whenExecuted(directory)
      procfs.stat(directory, this.#stat)
    } catch (error) {
      this.outcome[isGone(error) ? 'vanished' : 'failed']++
      return undefined
    }
    let process = this.#processes.get(pid)
    if (process?.start !== this.#stat.starttime) process = undefined
    const isClassificationFresh = process?.rulesVersion === rules.version
    if (process !== undefined && isClassificationFresh && process.group === undefined) {
      process.pass = this.#pass
      this.outcome.ignored++
      return undefined
    }
    process ??= this.#newProcess(pid, directory)
    const snapshot = await this.#read(process)
    if (snapshot === undefined) return undefined
    if (snapshot.isPartial) errors.omissions++
    process.pass = this.#pass
    if (!isClassificationFresh) return { process, snapshot }
    this.#count(process, snapshot)
    return undefined
  }

  async #read({ directory }: Process): Promise<ProcessSnapshot | undefined> {
    const { errors } = this.#sources
    try {
      return await this.#reader.read(directory, { ...this.#stat })
    } catch (error) {
      this.outcome[isGone(error) ? 'vanished' : 'failed']++
      errors.count('status', error)
      // Counted at the start only: process-exporter overwrites the count in every later pass.
      if (this.#pass === 1) errors.processes++
      return undefined
    }
  }

  #newProcess(pid: number, directory: string): Process {
    const { starttime: start, ppid } = this.#stat
    const comm = this.#sources.procfs.comm()
    const unknown = {
      workloadCounts: undefined,
      pendingNames: undefined,
      rulesVersion: 0,
      group: undefined,
      pass: 0,
      last: undefined,
    }
    return { pid, start, ppid, comm, directory, ...unknown, threads: new Map() }
  }

  /** A process that could not be read in this pass is a new one when it can. */
  #forgetUnread(): void {
    for (const [pid, { pass }] of this.#processes) {
      if (pass !== this.#pass) this.#processes.delete(pid)
    }
  }

  /** Classifies processes; returns those that no rule matches. */
  async #classify(candidates: readonly Candidate[]): Promise<Map<number, Candidate>> {
    const { procfs, slice } = this.#sources
    const unmatched = new Map<number, Candidate>()
    for await (const [{ process, snapshot }, argv] of readTogether(candidates, (candidate) =>
      procfs.cmdline(candidate.process.directory),
    )) {
      if (slice.isOver()) await slice.next()
      let match: Match
      try {
        const { directory } = process
        if (procfs.isExecuting(directory)) await procfs.whenExecuted(directory)
        match = this.#sources.classify(process, resultOf(argv))
      } catch {
        this.outcome.failed++
        continue
      }
      if (match === undefined) unmatched.set(process.pid, { process, snapshot })
      else if (match === 'ignored') this.#ignore(process, true)
      else this.#track(process, match, snapshot)
    }
    return unmatched
  }

  #track(process: Process, group: Assignment, snapshot: ProcessSnapshot): void {
    process.group = group
    process.rulesVersion = this.#sources.rules.version
    this.#processes.set(process.pid, process)
    this.#count(process, snapshot)
  }

  #inherit({ process, snapshot }: Candidate, unmatched: ReadonlyMap<number, Candidate>): void {
    const { children } = this.#options
    const group = children ? this.#ancestorsGroup(process, unmatched) : undefined
    if (group !== undefined) {
      this.#track(process, group, snapshot)
      return
    }
    const startTime = this.#sources.startTime(process.start)
    this.#ignore(process, children && !isReclassified(this.#options, startTime))
  }

  #ignore(process: Process, isForGood: boolean): void {
    this.outcome.ignored++
    process.group = undefined
    process.rulesVersion = this.#sources.rules.version
    if (isForGood) this.#processes.set(process.pid, process)
    else this.#processes.delete(process.pid)
  }

  #ancestorsGroup(
    { ppid }: Process,
    unmatched: ReadonlyMap<number, Candidate>,
  ): Assignment | undefined {
    let ancestor = ppid
    // Bounded: with a cycle of parents process-exporter itself overflows its stack.
    for (let steps = 0; steps <= unmatched.size; steps++) {
      const known = this.#processes.get(ancestor)
      const candidate = unmatched.get(ancestor)
      if (known?.group !== undefined || candidate === undefined) return known?.group
      ancestor = candidate.process.ppid
    }
    return undefined
  }

  /** Adds what a process used since it was read last, and what it holds, to its group. */
  #count(process: Process, snapshot: ProcessSnapshot): void {
    const group = this.#group(process.group as Assignment)
    this.outcome.grouped++
    group.addHoldings(snapshot)
    group.addThread(snapshot.stat.state, snapshot.wchan)
    const { usage } = snapshot
    process.last ??= this.#startedLater(process) ? noUsage() : usage
    creditWrapping(process.last, usage, group.total)
    process.last = usage
    this.#countThreads(process, snapshot, group)
  }

  #countThreads(process: Process, { threads }: ProcessSnapshot, group: Group): void {
    const seen = new Map<number, Thread>()
    for (const { tid, comm, start, state, wchan, usage } of threads) {
      group.addThread(state, wchan)
      const known = process.threads.get(tid)
      const last = known?.start === start ? known.last : usage
      if (this.#options.threads) {
        creditWrapping(last, usage, group.addNamedThread(comm, this.#previous))
      }
      seen.set(tid, { start, last: usage })
    }
    process.threads = seen
  }

  #group(assignment: Assignment): Group {
    let group = this.groups.get(assignment.key)
    if (group === undefined) {
      group = new Group(assignment, this.#previous)
      this.groups.set(assignment.key, group)
    }
    return group
  }

  /** Whether the process started after the first pass, so that all it used is to be counted. */
  #startedLater({ start }: Process): boolean {
    if (this.#first === undefined) return false
    return this.#sources.startTime(start) > toSeconds(this.#first)
  }
}
