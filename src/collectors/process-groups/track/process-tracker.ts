/** Tracks processes: once per collection it finds new ones, classifies them, counts their usage and notices exits. */
import type { HrTime } from '@opentelemetry/api'
import type { Member, OwnedProcess } from '../../../entities/group-members.ts'
import { isGone } from '../../../kernel/errors.ts'
import { readTogether, resultOf, type Settled } from '../../../kernel/read-together.ts'
import { toSeconds } from '../../../telemetry/time.ts'
import type { Accounting, Pass } from '../account/accounting.ts'
import type { ExitedProcesses } from '../account/exited-processes.ts'
import { Group } from '../account/group.ts'
import { ChildUsage, ReapedChildren } from '../account/reaped-children.ts'
import type { WorkloadOwnership } from '../account/workload-ownership.ts'
import { ancestorsGroup } from '../classify/ancestors.ts'
import type { Assignment, Match } from '../classify/assignment.ts'
import { ExpensiveStats } from './expensive-stats.ts'
import { IdleTaskCache } from './idle-task-cache.ts'
import type { KnownProcess } from './known-process.ts'
import type { ProcessFile } from './read-errors.ts'
import type { TaskIdentity, TaskPass, TaskReader, TaskSource } from './task-source.ts'
import {
  endPass,
  type GroupTracker,
  isReclassified,
  type Outcome,
  type TrackerOptions,
  type TrackerSources,
} from './tracker.ts'

/** What `ProcessTracker` needs. */
export interface ProcessTrackerParts extends TrackerSources {
  readonly tasks: TaskSource
  readonly accounting: Accounting
  readonly ownership: WorkloadOwnership
  /** Undefined where only what parents have waited for is counted, or nothing. */
  readonly exited?: ExitedProcesses | undefined
}

interface DueMemory {
  readonly process: KnownProcess
  readonly group: Group
  readonly expensive: ExpensiveStats
  /** Whether all other files of the process could be read. */
  readonly isWhole: boolean
}

/** One collection, as the tracker sees it. */
interface Visits extends Pass {
  /** Hashes of the command lines that could be read. */
  readonly titles: ReadonlyMap<KnownProcess, number>
  /** Processes of this pass that are to be classified. */
  readonly unclassified: KnownProcess[]
}

/** A process that was counted as a member of a group. */
type CountedProcess = KnownProcess & { group: Group; expensive: ExpensiveStats }

/** A promise only where there is something to wait for; for most processes there is nothing. */
type Pending = Promise<void> | undefined

/** The boot time has whole seconds only, so a start time may be too early by up to one. */
const START_TIME_ERROR_SECONDS = 1

/** Tracks the processes of the node: reads them once per collection, assigns them to groups, adds up their usage. */
export class ProcessTracker implements GroupTracker {
  readonly groups = new Map<string, Group>()
  outcome: Outcome = { grouped: 0, ignored: 0, vanished: 0, failed: 0 }
  readonly #parts: ProcessTrackerParts
  readonly #options: TrackerOptions
  readonly #processes = new Map<number, KnownProcess>()
  readonly #reapedChildren: ReapedChildren | undefined
  #first: HrTime | undefined
  #previous: HrTime
  #number = 0
  /** Processes of this pass whose proportional memory is read at its end. */
  readonly #memoryIsDue: DueMemory[] = []

  /** @param created the time now: since when the groups of the first collection count. */
  constructor(parts: ProcessTrackerParts, options: TrackerOptions, created: HrTime) {
    this.#parts = parts
    this.#options = options
    this.#reapedChildren = options.short_lived === 'off' ? undefined : new ReapedChildren()
    this.#previous = created
  }

  async collect(time: HrTime): Promise<void> {
    this.#parts.slice.begin()
    const { tasks, exited } = this.#parts
    await exited?.beginPass()
    try {
      await this.#collectAll(time, await tasks.begin())
    } finally {
      tasks.end()
    }
  }

  async #collectAll(time: HrTime, { number: source, pids, reader }: TaskPass): Promise<void> {
    this.#first ??= time
    const titles = await this.#readTitles()
    const unclassified: KnownProcess[] = []
    const since = this.#previous
    const pass: Visits = { number: ++this.#number, source, since, reader, titles, unclassified }
    for (const group of this.groups.values()) group.beginPass()
    this.#parts.ownership.counter.beginPass()
    this.outcome = { grouped: 0, ignored: 0, vanished: 0, failed: 0 }

    // So that a group whose program isn't running is exported with 0 processes.
    for (const constant of this.#parts.rules.constants) this.#group(constant, pass.since)

    for (const pid of pids) {
      if (this.#parts.slice.isOver()) await this.#parts.slice.next()
      const pending = this.#visit(pid, pass)
      if (pending !== undefined) await pending
    }
    const { exited } = this.#parts
    await exited?.endListing()
    this.#forgetEnded(pass)
    const unmatched = await this.#classifyAll(unclassified, pass)
    for (const process of unmatched) {
      if (this.#parts.slice.isOver()) await this.#parts.slice.next()
      await this.#inherit(process, unmatched, pass)
    }
    await this.#readMemory()
    for (const process of unclassified) {
      exited?.learn(process, this.#processes.get(process.ppid))
    }
    await exited?.flush({
      known: this.#processes,
      groups: this.groups,
      startedLater: (start) => this.#startedLater({ start }),
    })
    this.#reapedChildren?.flush(this.#processes, reader, exited?.isActive !== true)
    endPass(this.groups, this.#options)
    await this.#parts.ownership.requestNames()
    this.#parts.ownership.endPass(this.groups)
    this.#previous = time
  }

  *members(): Generator<Member> {
    for (const process of this.#processes.values()) {
      const { pid, ppid, start, directory, group } = process
      if (group !== undefined) yield { pid, ppid, start, directory, group }
    }
  }

  process(pid: number): OwnedProcess | undefined {
    const process = this.#processes.get(pid)
    if (process?.workloadCounts === undefined || process.pass !== this.#number) return undefined
    return { start: process.start, owner: process.workloadCounts.owner }
  }

  #visit(pid: number, pass: Visits): Pending {
    const known = this.#processes.get(pid)
    if (known !== undefined) {
      known.pass = pass.number
      if (this.#isUnchanged(known, pass)) return this.#countUnchanged(known, pass)
    }
    const process = known ?? { pid, directory: this.#parts.procfs.directory(pid) }
    const ahead = pass.reader.readAhead(process)
    if (ahead === undefined) return this.#visitAhead(process, known, pass)
    return this.#visitLater(ahead, process, known, pass)
  }

  /** Whether a member is as it was counted last, so that nothing of it needs to be read but what it holds. */
  #isUnchanged(process: KnownProcess, { reader, titles }: Visits): process is CountedProcess {
    return (
      process.group !== undefined &&
      process.expensive !== undefined &&
      reader.isAsIn(process.countedIn, process) &&
      (titles.get(process) ?? process.title) === process.title &&
      this.#isClassificationFresh(process)
    )
  }

  /** Adds a process to its group that is as it was counted last. */
  #countUnchanged(process: CountedProcess, pass: Pass): undefined {
    const { accounting, ownership } = this.#parts
    const { group, expensive, workloadCounts } = process
    const { reader } = pass
    reader.readHoldings(process, expensive)
    if (workloadCounts !== undefined) ownership.counter.count(workloadCounts, reader.stat.threads)
    this.#addMember(process, group, expensive, reader)
    accounting.addUnchanged(process, group, pass)
    return undefined
  }

  /** Continues when the process can be read without blocking; leaves it out when that takes too long. */
  #proceed(ahead: Promise<void>, proceed: () => Pending): Promise<void> {
    return ahead.then(proceed, (error) => this.#omit('stat', error))
  }

  /** A method by itself: where a closure is made, its variables are an object, for every visit. */
  #visitLater(
    ahead: Promise<void>,
    identity: TaskIdentity,
    known: KnownProcess | undefined,
    pass: Visits,
  ): Promise<void> {
    return this.#proceed(ahead, () => this.#visitAhead(identity, known, pass))
  }

  #visitAhead(identity: TaskIdentity, known: KnownProcess | undefined, pass: Visits): Pending {
    const { ownership } = this.#parts
    const { reader, titles, unclassified } = pass
    const { pid, directory } = identity
    try {
      reader.readStat(identity, known?.comm)
    } catch (error) {
      return this.#omit('stat', error)
    }
    const isKnown = known !== undefined && known.start === reader.stat.starttime
    if (!isKnown && known !== undefined) this.#markExited(known)
    const process = isKnown ? known : this.#newProcess(pid, directory, pass)
    this.#reapedChildren?.update(process, reader.stat, isKnown || this.#startedLater(process))
    const { threads } = reader.stat
    const isClassified =
      this.#isClassificationFresh(process) && !this.#isAnother(process, reader, titles.get(process))
    if (!isClassified) {
      process.workloadCounts = ownership.countsOf(directory)
      unclassified.push(process)
    }
    if (process.workloadCounts !== undefined)
      ownership.counter.count(process.workloadCounts, threads)
    return isClassified ? this.#count(process, pass) : undefined
  }

  /** Classifies processes; returns those that no rule matches. Command lines are read many at a time: a read may block. */
  async #classifyAll(
    unclassified: readonly KnownProcess[],
    pass: Pass,
  ): Promise<Set<KnownProcess>> {
    const { procfs, slice } = this.#parts
    const unmatched = new Set<KnownProcess>()
    for await (const [process, argv] of readTogether(unclassified, ({ directory }) =>
      procfs.cmdline(directory),
    )) {
      if (slice.isOver()) await slice.next()
      const proceed = () => this.#classify(process, argv, pass, unmatched)
      const ahead = pass.reader.readAhead(process)
      await (ahead === undefined ? proceed() : this.#proceed(ahead, proceed))
    }
    return unmatched
  }

  /** Assigns a process to a group, or adds it to the unmatched ones. To be called after `readAhead`. */
  #classify(
    process: KnownProcess,
    argv: Settled<string[]>,
    pass: Pass,
    unmatched: Set<KnownProcess>,
  ): Pending {
    const { ownership } = this.#parts
    process.pendingNames = undefined
    // Until it succeeds: a process that can't be classified now is classified at the next collection.
    process.rulesVersion = undefined
    let match: Match
    try {
      match = this.#parts.classify(process, resultOf(argv))
    } catch (error) {
      return this.#omit('cmdline', error)
    }
    this.#processes.set(process.pid, process)
    process.rulesVersion = this.#parts.rules.version
    if (match === undefined) {
      process.group = undefined
      unmatched.add(process)
      return undefined
    }
    process.group =
      match === 'ignored'
        ? undefined
        : this.#group(ownership.assignmentOf(match, process.workloadCounts), pass.since)
    return this.#countAgain(process, pass)
  }

  #newProcess(pid: number, directory: string, pass: Pass): KnownProcess {
    const { stat, comm } = pass.reader
    return {
      pid,
      start: stat.starttime,
      directory,
      ppid: stat.ppid,
      comm,
      stack: stat.stack,
      title: undefined,
      rulesVersion: undefined,
      group: undefined,
      pass: pass.number,
      countedIn: 0,
      account: undefined,
      isReported: false,
      expensive: undefined,
      idleCache: new IdleTaskCache(),
      childUsage: new ChildUsage(),
      threads: undefined,
      workloadCounts: undefined,
      pendingNames: undefined,
    }
  }

  /** Whether the classification of the process is still valid. */
  #isClassificationFresh(process: KnownProcess): boolean {
    const { rules, ownership } = this.#parts
    if (process.rulesVersion !== rules.version) return false
    // Its rules needed names that were not known then.
    if (process.pendingNames !== undefined && process.pendingNames !== ownership.version)
      return false
    if (process.group !== undefined) return true
    return !isReclassified(this.#options, this.#parts.startTime(process.start))
  }

  /** Whether the process has executed another program, or changed its name or title, since it was classified. */
  #isAnother(process: KnownProcess, { comm, stat }: TaskReader, title = process.title): boolean {
    const { regroup } = this.#options
    const hasTitle = process.title === undefined || process.title === title
    if (process.comm === comm && process.stack === stat.stack && hasTitle) {
      process.title = title
      return false
    }
    process.comm = comm
    process.stack = stat.stack
    process.title = title
    return regroup !== 'off'
  }

  /** Hashes of command lines where they are watched; processes whose command line can't be read are missing. */
  async #readTitles(): Promise<Map<KnownProcess, number>> {
    const titles = new Map<KnownProcess, number>()
    if (this.#options.regroup !== 'title') return titles
    const { procfs, slice } = this.#parts
    const known = [...this.#processes.values()]
    for await (const [process, title] of readTogether(known, ({ directory }) =>
      procfs.titleHash(directory),
    )) {
      if (slice.isOver()) await slice.next()
      if (title.status === 'fulfilled') titles.set(process, title.value)
    }
    return titles
  }

  /** Assigns a process that no rule matched to the group of its nearest ancestor, if there is one. */
  #inherit(process: KnownProcess, unmatched: ReadonlySet<KnownProcess>, pass: Pass): Pending {
    const ancestors = this.#options.children
      ? ancestorsGroup(process, this.#processes, unmatched)
      : undefined
    if (ancestors !== undefined) {
      const own = this.#parts.ownership.assignmentOf(ancestors.assignment, process.workloadCounts)
      process.group = this.#group(own, pass.since)
    }
    if (process.group === undefined) {
      this.outcome.ignored++
      return undefined
    }
    return this.#countLater(process, pass)
  }

  /** Waits until a process can be read, then `#countAgain`. */
  #countLater(process: KnownProcess, pass: Pass): Pending {
    const proceed = () => this.#countAgain(process, pass)
    const ahead = process.group === undefined ? undefined : pass.reader.readAhead(process)
    return ahead === undefined ? proceed() : this.#proceed(ahead, proceed)
  }

  /** Reads a process again that is no longer in the reader, and adds it to its group. To be called after `readAhead`. */
  #countAgain(process: KnownProcess, pass: Pass): Pending {
    const { reader } = pass
    if (process.group === undefined) return this.#count(process, pass)
    try {
      reader.readStat(process, process.comm)
    } catch (error) {
      return this.#omit('stat', error)
    }
    if (reader.stat.starttime !== process.start) return undefined
    process.childUsage.updateOwn(reader.stat)
    return this.#count(process, pass)
  }

  /** Adds the process that is in the reader to its group. */
  #count(process: KnownProcess, pass: Pass): Pending {
    const { group } = process
    if (group === undefined) {
      this.outcome.ignored++
      return undefined
    }
    const { accounting, exited } = this.#parts
    const { reader } = pass
    process.expensive ??= new ExpensiveStats()
    const { expensive } = process
    try {
      reader.readRest(process, expensive)
    } catch (error) {
      return this.#omit('status', error)
    }
    this.#addMember(process, group, expensive, reader)
    const startedLater = this.#startedLater(process)
    if (process.account === undefined && startedLater && exited?.isReported(reader.stat)) {
      process.isReported = true
    }
    return accounting.add(process, group, pass, startedLater)
  }

  /** Counts a member that could be read, and remembers whether its proportional memory is due. */
  #addMember(
    process: KnownProcess,
    group: Group,
    expensive: ExpensiveStats,
    { memoryIsDue, isWhole }: TaskReader,
  ): void {
    if (process.account !== undefined) group.addSurvivor()
    // The group may have been removed while no member could be read.
    if (group.processes === 0) this.groups.set(group.assignment.key, group)
    this.outcome.grouped++
    if (memoryIsDue) this.#memoryIsDue.push({ process, group, expensive, isWhole })
  }

  /**
   * Reads the proportional memory that is due and adds it to the groups. A slow reading goes on after the collection, and
   * its result shows in the next one.
   */
  async #readMemory(): Promise<void> {
    const { procfs, slice, errors } = this.#parts
    const due = this.#memoryIsDue.splice(0)
    for await (const [{ process, group, expensive, isWhole }, result] of readTogether(due, (one) =>
      one.expensive.readMemory(procfs, one.process.directory),
    )) {
      if (slice.isOver()) await slice.next()
      if (result.status === 'fulfilled') {
        group.addMemory(expensive)
        continue
      }
      errors.count('smaps', result.reason)
      if (isWhole) errors.omissions++
      process.idleCache.forget()
    }
  }

  /** Whether the process started after the first collection, so that all of its usage is counted. */
  #startedLater(process: Pick<KnownProcess, 'start'>): boolean {
    if (this.#number === 1 || this.#first === undefined) return false
    const start = this.#parts.startTime(process.start) + START_TIME_ERROR_SECONDS
    return start > toSeconds(this.#first)
  }

  #group(assignment: Assignment, since: HrTime): Group {
    let group = this.groups.get(assignment.key)
    if (group === undefined) {
      group = new Group(assignment, since, this.#parts.ownership.attributes(assignment))
      this.groups.set(assignment.key, group)
    }
    return group
  }

  #forgetEnded(pass: Pass): void {
    for (const process of this.#processes.values()) {
      if (process.pass !== pass.number) this.#markExited(process)
    }
  }

  /** Counts the exit of a process once, also when the next process with its PID is never tracked. */
  #markExited(process: KnownProcess): void {
    this.#processes.delete(process.pid)
    if (process.group !== undefined) process.group.exits++
    this.#reapedChildren?.markExited(process)
    this.#parts.exited?.markExited(process)
  }

  /** Counts a process that could not be read. One that has exited meanwhile counts as vanished, not as failed. */
  #omit(file: ProcessFile, error: unknown): undefined {
    if (isGone(error)) {
      this.outcome.vanished++
      return
    }
    this.outcome.failed++
    this.#parts.errors.processes++
    this.#parts.errors.count(file, error)
  }
}
