/**
 * Counts the usage of processes that started and exited between two collections, and of others after their last reading, from
 * exact totals of each exit.
 *
 * A process that was read counts in its own group, without the part that was credited already. Of one that was never read the
 * kernel reports its name and its nearest ancestor that was listed: it counts in the ancestor's group, unless processes of that
 * name with parents in that group are known in another group. Storage bytes of a reaped child are in its parent's own
 * (proc_pid_io(5)), so they are not reported.
 */
import { CpuTimes } from '../../../kernel/bpf/cpu-times.ts'
import type {
  ExitUsage,
  ListedExit,
  ProcessId,
  UnseenExits,
} from '../../../kernel/bpf/exit-totals.ts'
import { PF_EXITING, type Stat, ZOMBIE } from '../../../kernel/procfs/stat.ts'
import type { ExitSource } from '../track/exit-source.ts'
import type { KnownProcess } from '../track/known-process.ts'
import type { Group } from './group.ts'
import { ALL_KNOWN, COUNTS, noUsage, openAccount, type Usage } from './usage.ts'

/** What `ExitedProcesses` needs. */
export interface ExitedProcessesParts {
  /** Opens the source; rejects where there is none. */
  readonly open: () => Promise<ExitSource>
  /** Called once with the reason why exits are not counted, or not any more. */
  readonly onFailure: (error: Error) => void
  /** Clock ticks in a second. */
  readonly ticksPerSecond: number
}

/** A process that has ended, until nothing more is reported of it. */
interface Ended {
  readonly process: KnownProcess
  readonly pass: number
}

/** What was reported of a process that was never read. */
interface ReportedExit {
  readonly pid: number
  /** Clock ticks after boot. */
  readonly start: number
  readonly comm: string
  readonly usage: ExitUsage
  readonly group: Group | undefined
  readonly pass: number
}

/** Nanoseconds that are not yet a clock tick. */
interface Remainder {
  utime: number
  stime: number
}

/** The parts of a tracker that are asked for. */
export interface TrackedProcesses {
  readonly known: ReadonlyMap<number, KnownProcess>
  readonly groups: ReadonlyMap<string, Group>
  /** Whether all that a process has used is to be counted, by its start in clock ticks after boot. */
  readonly startedLater: (start: number) => boolean
}

const NANOSECONDS_PER_SECOND = 1e9
/** Passes. The kernel reports the last part of a process shortly after its exit. */
const PASSES_KEPT = 3
/** Names and ancestors for which a group was seen. */
const MAX_SEEN = 10_000

/** Counts the usage of exited processes in their groups. */
export class ExitedProcesses {
  /** Exits that were lost because the tables were full, or whose ancestor is unknown. */
  lostExits = 0
  /** Forks and executions of the same kind. */
  lostStarts = 0
  readonly #parts: ExitedProcessesParts
  /** Nanoseconds in a clock tick. */
  readonly #tick: number
  #source: ExitSource | undefined
  #hasFailed = false
  #pass = 0
  /** By `identity`. */
  readonly #ended = new Map<string, Ended>()
  readonly #reported = new Map<string, ReportedExit>()
  /** Groups of processes, by their name and their parent's group. */
  readonly #seen = new Map<string, Group>()
  readonly #remainders = new WeakMap<Group, Remainder>()
  #unattributed = 0

  constructor(parts: ExitedProcessesParts) {
    this.#parts = parts
    this.#tick = NANOSECONDS_PER_SECOND / parts.ticksPerSecond
  }

  /** Whether exits are counted. */
  get isActive(): boolean {
    return this.#source !== undefined
  }

  /** Begins a pass: processes are about to be listed. */
  async beginPass(): Promise<void> {
    if (this.#hasFailed) return
    this.#pass++
    await this.#attempt(async () => {
      this.#source ??= await this.#parts.open()
      this.#source.beginPass()
    })
  }

  /** Says that all processes were read that are there. */
  async endListing(): Promise<void> {
    await this.#attempt(() => this.#source?.endPass())
  }

  /** Says that a known process has ended. */
  markExited(process: KnownProcess): void {
    if (this.isActive) this.#ended.set(identity(process), { process, pass: this.#pass })
  }

  /** Remembers in which group a process is whose parent is in another one. */
  learn(process: KnownProcess, parent: KnownProcess | undefined): void {
    if (!this.isActive || process.group === undefined || parent === undefined) return
    if (process.comm === parent.comm) return
    if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
    this.#seen.set(seenKey(parent, process.comm), process.group)
  }

  /** Whether the report of its exit will have all further usage of a process: it is exiting, or a zombie. */
  isReported({ state, flags }: Pick<Stat, 'state' | 'flags'>): boolean {
    return this.isActive && (state === ZOMBIE || (flags & PF_EXITING) !== 0)
  }

  /** Credits what was counted since the last pass. */
  async flush(tracked: TrackedProcesses): Promise<void> {
    await this.#attempt(() => {
      if (this.#source === undefined) return
      const { listed, unseen, starts } = this.#source.drain()
      // Ancestors come before those that they have started.
      const byStart = listed.toSorted((a, b) => a.process.start - b.process.start)
      for (const exit of byStart) this.#creditListed(exit, tracked)
      for (const exits of unseen) this.#credit(this.#groupOf(exits, tracked), exits.usage)
      for (const { process, forks, execs } of starts) {
        const group = this.#find(process, tracked)?.group
        if (group === undefined) continue
        group.forks += forks
        group.execs += execs
      }
      for (const group of tracked.groups.values()) group.knowsStarts = true
      const { exits, starts: lostStarts } = this.#source.lost()
      this.lostExits = exits + this.#unattributed
      this.lostStarts = lostStarts
    })
    this.#forget(tracked)
  }

  #forget({ known }: TrackedProcesses): void {
    const isOver = (pass: number) => this.#pass - pass >= PASSES_KEPT
    for (const [name, { pass }] of this.#ended) if (isOver(pass)) this.#ended.delete(name)
    for (const [name, { pid, start, pass }] of this.#reported) {
      // A zombie is reported once more when it is reaped.
      if (isOver(pass) && known.get(pid)?.start !== start) this.#reported.delete(name)
    }
  }

  close(): void {
    this.#source?.close()
    this.#source = undefined
  }

  async #attempt(work: () => void | Promise<void>): Promise<void> {
    if (this.#hasFailed) return
    try {
      await work()
    } catch (error) {
      this.#hasFailed = true
      this.close()
      this.#parts.onFailure(error as Error)
    }
  }

  #find({ pid, start }: ProcessId, { known }: TrackedProcesses): KnownProcess | undefined {
    const ticks = Math.floor(start / this.#tick)
    const process = known.get(pid)
    return process?.start === ticks ? process : this.#ended.get(key(pid, ticks))?.process
  }

  #keyOf({ pid, start }: ProcessId): string {
    return key(pid, Math.floor(start / this.#tick))
  }

  #creditListed(exit: ListedExit, tracked: TrackedProcesses): void {
    const { pid, start } = exit.process
    const ticks = Math.floor(start / this.#tick)
    const name = key(pid, ticks)
    const reported = this.#reported.get(name)
    const process = reported === undefined ? this.#find(exit.process, tracked) : undefined
    const startedLater = tracked.startedLater(ticks)
    if (process !== undefined) {
      this.#creditRest(process, exit.usage, startedLater)
    } else if (startedLater) {
      const group = reported === undefined ? this.#groupOf(exit, tracked) : reported.group
      this.#credit(
        group,
        reported === undefined ? exit.usage : difference(exit.usage, reported.usage),
      )
      const { comm, usage } = exit
      this.#reported.set(name, { pid, start: ticks, comm, usage, group, pass: this.#pass })
    }
  }

  /** Credits what a process that was seen has used since. */
  #creditRest(process: KnownProcess, usage: ExitUsage, startedLater: boolean): void {
    const { group } = process
    if (group === undefined) return
    if (process.account === undefined && startedLater) {
      process.account = openAccount(noUsage(), ALL_KNOWN)
    }
    if (process.account === undefined) return
    // It may be listed as a zombie for a while.
    process.isReported = true
    const { last, hasIo } = process.account
    const times = this.#timesOf(usage, last)
    this.#addTimes(
      group,
      Math.max(0, times.utime - Number(last.utime) * this.#tick),
      Math.max(0, times.stime - Number(last.stime) * this.#tick),
    )
    last.utime = times.utime / this.#tick
    last.stime = times.stime / this.#tick
    const rest = {
      minflt: 0,
      majflt: 0,
      voluntary: 0,
      nonvoluntary: 0,
      readBytes: 0,
      writeBytes: 0,
    }
    for (const kind of COUNTS) {
      if (kind.endsWith('Bytes') && !hasIo) continue
      // Those of threads that ended before the agent's start are not known.
      if (kind.endsWith('voluntary') && !startedLater) continue
      rest[kind] = Math.max(0, usage[kind] - Number(last[kind]))
      if (usage[kind] > Number(last[kind])) last[kind] = usage[kind]
    }
    group.addExitedUsage(rest)
  }

  /** Credits the usage of processes that were never read. */
  #credit(group: Group | undefined, usage: ExitUsage): void {
    if (group === undefined) return
    const times = this.#timesOf(usage)
    this.#addTimes(group, times.utime, times.stime)
    group.addExitedUsage(usage)
    group.exits += usage.exits
  }

  #timesOf({ utime, stime, runtime }: ExitUsage, last?: Usage): { utime: number; stime: number } {
    const times = new CpuTimes()
    const prevUtime = Number(last?.utime ?? 0) * this.#tick
    const prevStime = Number(last?.stime ?? 0) * this.#tick
    times.update({ utime, stime, runtime, prevUtime, prevStime })
    return times
  }

  /** Whole clock ticks; what is less waits for more. */
  #addTimes(group: Group, utime: number, stime: number): void {
    let remainder = this.#remainders.get(group)
    if (remainder === undefined) {
      remainder = { utime: 0, stime: 0 }
      this.#remainders.set(group, remainder)
    }
    remainder.utime += utime
    remainder.stime += stime
    const user = Math.floor(remainder.utime / this.#tick)
    const system = Math.floor(remainder.stime / this.#tick)
    remainder.utime -= user * this.#tick
    remainder.stime -= system * this.#tick
    group.addReapedUsage({ utime: user, stime: system, minflt: 0, majflt: 0 })
  }

  /** Undefined where its ancestor is in no group, or unknown. */
  #groupOf({ ancestor, comm, usage }: UnseenExits, tracked: TrackedProcesses): Group | undefined {
    const found = this.#find(ancestor, tracked) ?? this.#reported.get(this.#keyOf(ancestor))
    if (found === undefined) {
      this.#unattributed += usage.exits
      return undefined
    }
    if (found.comm === comm) return found.group
    const seen = this.#seen.get(seenKey(found, comm))
    // A removed group is not added again for processes that are never read.
    const isThere = seen !== undefined && tracked.groups.get(seen.assignment.key) === seen
    return isThere ? seen : found.group
  }
}

function difference(usage: ExitUsage, before: ExitUsage): ExitUsage {
  const rest: Record<keyof ExitUsage, number> = { ...usage }
  for (const kind of Object.keys(rest) as (keyof ExitUsage)[]) {
    rest[kind] = Math.max(0, usage[kind] - before[kind])
  }
  return rest
}

function identity({ pid, start }: KnownProcess): string {
  return key(pid, start)
}

function key(pid: number, ticks: number): string {
  return `${pid}/${ticks}`
}

/** Children of a group's members are alike; those of processes in no group have nothing in common but their parent. */
function seenKey(parent: Pick<KnownProcess, 'pid' | 'start' | 'group'>, comm: string): string {
  const { pid, start, group } = parent
  return `${comm}\0${group === undefined ? key(pid, start) : `group ${group.assignment.key}`}`
}
