/**
 * Perf counters of process groups, for programs that have no cgroup of their own: one set of counters per process.
 *
 * A counter of a process also counts the children that the process starts later, whichever group they are in. So such a
 * child has no counters of its own, and counters stay open while any process lives that they count.
 */
import type { HrTime } from '@opentelemetry/api'
import type { Member, Members, ProcessGroup } from '../../entities/group-members.ts'
import {
  type CounterParts,
  type Counters,
  type Counts,
  countThreads,
} from '../../kernel/perf-events/counters.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import { compilePathGlob } from '../../lib/globs/path-glob.ts'
import type { WholeMatch } from '../../lib/re2.ts'
import type { Entity } from '../../telemetry/entity.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'

/** What `GroupCounters` needs. */
export interface GroupCountersOptions {
  readonly procfs: Procfs
  readonly ticksPerSecond: number
  readonly parts: Omit<CounterParts, 'onFailure' | 'cpus'>
  /** Patterns of the names of groups. */
  readonly patterns: readonly string[]
  readonly members: Members
}

/** A process with counters, and the children that these count too. */
interface Family {
  readonly counters: Counters
  readonly group: GroupCounts
  /** Clock ticks after boot. */
  readonly opened: number
  pass: number
}

interface GroupCounts {
  readonly entity: Entity
  readonly counts: Counts
  pass: number
}

/** Perf counters of process groups, opened for each process. */
export class GroupCounters {
  descriptors = 0
  /** Processes of the last pass for which there were no descriptors left. */
  omitted = 0
  errors = 0
  readonly #options: GroupCountersOptions
  readonly #patterns: readonly WholeMatch[]
  readonly #groups = new Map<ProcessGroup, GroupCounts>()
  /** The family whose counters count a process, by PID. */
  readonly #processes = new Map<number, { readonly start: number; readonly family: Family }>()
  readonly #families = new Set<Family>()
  #pass = 0
  #time: HrTime = [0, 0]

  constructor(options: GroupCountersOptions) {
    this.#options = options
    this.#patterns = options.patterns.map(compilePathGlob)
  }

  /**
   * Reads the counters of every selected group.
   *
   * @param budget descriptors that may be used.
   * @param time of the collection: the start of groups that it finds.
   */
  async collect(
    slice: TimeSlice,
    budget: number,
    time: HrTime,
    observe: (entity: Entity, counts: Counts) => void,
  ): Promise<void> {
    this.#pass++
    this.#time = time
    this.omitted = 0
    slice.begin()
    // Parents before their children.
    const members = [...this.#options.members.list()].sort((one, other) => one.start - other.start)
    const listed = new Set<number>()
    for (const member of members) {
      if (slice.isOver()) await slice.next()
      listed.add(member.pid)
      this.#visit(member, budget)
    }
    for (const pid of this.#processes.keys()) if (!listed.has(pid)) this.#processes.delete(pid)
    for (const family of this.#families) {
      if (slice.isOver()) await slice.next()
      this.#read(family)
    }
    for (const [group, counted] of this.#groups) {
      if (counted.pass === this.#pass) observe(counted.entity, counted.counts)
      else this.#groups.delete(group)
    }
  }

  /** Closes all counters. */
  close(): void {
    for (const family of this.#families) family.counters.close()
    this.#families.clear()
    this.#processes.clear()
    this.descriptors = 0
  }

  #visit(member: Member, budget: number): void {
    const { pid, ppid, start, group } = member
    const isWanted = this.#patterns.some((pattern) => pattern.test(group.name))
    if (isWanted) this.#group(group).pass = this.#pass
    const known = this.#processes.get(pid)
    const parents = this.#processes.get(ppid)?.family
    let family: Family | undefined
    if (known?.start === start) family = known.family
    else if (parents !== undefined && start > parents.opened) family = parents
    else if (isWanted) family = this.#open(member, budget)
    if (family === undefined) {
      this.#processes.delete(pid)
      return
    }
    family.pass = this.#pass
    if (known?.family !== family) this.#processes.set(pid, { start, family })
  }

  #open({ directory, group }: Member, budget: number): Family | undefined {
    const { procfs, parts, ticksPerSecond } = this.#options
    try {
      const threads = procfs.tids(directory)
      if (this.descriptors + threads.length * parts.events.length > budget) {
        this.omitted++
        return undefined
      }
      const counted = this.#group(group)
      const onFailure = () => this.errors++
      const counters = countThreads(threads, { ...parts, onFailure }, counted.counts)
      const opened = procfs.uptime() * ticksPerSecond
      const family = { counters, group: counted, opened, pass: this.#pass }
      this.descriptors += counters.size
      this.#families.add(family)
      return family
    } catch {
      // The process has exited.
      return undefined
    }
  }

  /** Reads the counters, also those of a family whose processes have all exited; these are closed then. */
  #read(family: Family): void {
    try {
      family.counters.read()
    } catch {
      this.errors++
    }
    if (family.pass === this.#pass) {
      // The group goes on while any process of the family is alive.
      family.group.pass = this.#pass
      return
    }
    this.descriptors -= family.counters.size
    family.counters.close()
    this.#families.delete(family)
  }

  #group(group: ProcessGroup): GroupCounts {
    let counted = this.#groups.get(group)
    if (counted === undefined) {
      const entity = group.entity.part({}, this.#time)
      counted = { entity, counts: new Map(), pass: this.#pass }
      this.#groups.set(group, counted)
    }
    return counted
  }
}
