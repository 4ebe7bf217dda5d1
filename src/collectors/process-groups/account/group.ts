/** A process group: cumulative usage, and what the present members hold. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import type { ProportionalMemory } from '../../../kernel/procfs/smaps.ts'
import type { Stat } from '../../../kernel/procfs/stat.ts'
import { add, increase } from '../../../kernel/u64.ts'
import { Entity } from '../../../telemetry/entity.ts'
import type { Assignment } from '../classify/assignment.ts'
import { type COUNTS, noUsage, type Usage } from './usage.ts'

/** Resources that a process holds at the time of a reading. */
export interface Holdings {
  readonly stat: Pick<Stat, 'state' | 'threads' | 'vsize' | 'starttime'>
  /** Bytes. */
  readonly resident: number
  readonly swap: number
  readonly expensive: ProportionalMemory
  readonly openDescriptors: number
  readonly descriptorRatio: number
  readonly hasIo: boolean
  readonly hasRunDelay: boolean
  readonly hasDescriptors: boolean
  readonly hasMemory: boolean
}

/** Threads by scheduling state, in the order of the letters R, S, D, Z and everything else. */
export interface States {
  running: number
  sleeping: number
  waiting: number
  zombie: number
  other: number
}

/** All threads of a group that have the same name. */
export interface ThreadGroup {
  readonly entity: Entity
  readonly total: Usage
  count: number
}

/** A process group: cumulative usage of its past and present members, and what the present ones hold. */
export class Group {
  readonly assignment: Assignment
  readonly entity: Entity
  /** Usage of all members, past ones included: it never falls. */
  readonly total = noUsage()
  /** The part of it that is shown under the group's own name: all of it, unless its rule has a limit. */
  readonly shown: Usage
  readonly threads = new Map<string, ThreadGroup>()
  readonly waits = new Map<string, { readonly entity: Entity; count: number }>()

  processes = 0
  threadCount = 0
  /** Bytes. */
  resident = 0
  virtual = 0
  swapped = 0
  proportional = 0
  proportionalSwapped = 0
  unique = 0
  shared = 0
  openDescriptors = 0
  worstDescriptorRatio = 0
  /** Clock ticks after boot; Infinity without members. */
  oldestStart = Number.POSITIVE_INFINITY
  states: States = noStates()
  /** Whether any member could be read in this respect: where none could, there is no value, not a zero. */
  knowsDescriptors = false
  knowsMemory = false
  /** Whether the I/O of any member could ever be read. */
  knowsIo = false
  /** The same of the time that members waited for a CPU. */
  knowsRunDelay = false

  /** Members that have ended, and times that members came when all earlier ones were gone. */
  exits = 0
  restarts = 0
  /** Processes that members, and what they have started, have started; and programs that these have executed. */
  forks = 0
  execs = 0
  /** Whether these are counted. */
  knowsStarts = false
  #hadMembers = false
  /** Whether a member of the last pass is still alive. */
  #hasSurvivor = false

  /**
   * @param start since when its counters count.
   * @param workload attributes that identify its container or pod.
   */
  constructor(assignment: Assignment, start: HrTime, workload?: Attributes) {
    this.assignment = assignment
    this.shown = assignment.limit === undefined ? this.total : noUsage()
    this.entity = new Entity(groupAttributes(assignment), start, workload)
  }

  /** Name of the group, without the labels of its rule. */
  get name(): string {
    return this.assignment.name
  }

  /** Updates the names of the container or pod, of the group and of its threads. */
  rename(workload: Attributes | undefined): void {
    this.entity.rename(groupAttributes(this.assignment), workload)
  }

  /** Resets what members hold; cumulative usage stays. */
  beginPass(): void {
    this.#hadMembers ||= this.processes > 0
    this.#hasSurvivor = false
    this.processes = 0
    this.threadCount = 0
    this.virtual = 0
    this.swapped = 0
    this.proportional = 0
    this.proportionalSwapped = 0
    this.unique = 0
    this.shared = 0
    this.resident = 0
    this.openDescriptors = 0
    this.worstDescriptorRatio = 0
    this.oldestStart = Number.POSITIVE_INFINITY
    this.states = noStates()
    for (const thread of this.threads.values()) thread.count = 0
    for (const wait of this.waits.values()) wait.count = 0
  }

  /**
   * Forgets thread names and kernel functions that no member has any more. A group without members
   * keeps its threads' usage: it goes on when the program comes back.
   */
  endPass(): void {
    for (const [channel, { count }] of this.waits) if (count === 0) this.waits.delete(channel)
    if (this.processes === 0) return
    if (this.#hadMembers && !this.#hasSurvivor) this.restarts++
    for (const [name, { count }] of this.threads) if (count === 0) this.threads.delete(name)
  }

  /** Marks that a member of the last pass is still alive. */
  addSurvivor(): void {
    this.#hasSurvivor = true
  }

  /** Adds what a process holds. */
  addHoldings(process: Holdings): void {
    const { stat } = process
    this.processes++
    this.threadCount += stat.threads
    this.resident += process.resident
    this.virtual += stat.vsize
    this.swapped += process.swap
    if (stat.starttime < this.oldestStart) this.oldestStart = stat.starttime
    // Without members the group keeps what was known of the last ones.
    const isFirst = this.processes === 1
    this.knowsIo ||= process.hasIo
    this.knowsRunDelay ||= process.hasRunDelay
    this.knowsDescriptors = process.hasDescriptors || (!isFirst && this.knowsDescriptors)
    this.knowsMemory = process.hasMemory || (!isFirst && this.knowsMemory)
    if (process.hasDescriptors) {
      this.openDescriptors += process.openDescriptors
      this.worstDescriptorRatio = Math.max(this.worstDescriptorRatio, process.descriptorRatio)
    }
    if (process.hasMemory) this.addMemory(process.expensive)
  }

  /** Adds the proportional memory of a process that was read after everything else it holds. */
  addMemory({ pss, swapPss, unique, shared }: ProportionalMemory): void {
    this.knowsMemory = true
    this.proportional += pss
    this.proportionalSwapped += swapPss
    this.unique += unique
    this.shared += shared
  }

  /** Adds usage of reaped children that were not read themselves. */
  addReapedUsage(usage: Pick<Usage, 'utime' | 'stime' | 'minflt' | 'majflt'>): void {
    this.total.utime = add(this.total.utime, usage.utime)
    this.total.stime = add(this.total.stime, usage.stime)
    this.total.minflt = add(this.total.minflt, usage.minflt)
    this.total.majflt = add(this.total.majflt, usage.majflt)
  }

  /** Adds what processes had used at their end, but for CPU time. */
  addExitedUsage(usage: Readonly<Record<(typeof COUNTS)[number], number>>): void {
    const { total } = this
    total.minflt = add(total.minflt, usage.minflt)
    total.majflt = add(total.majflt, usage.majflt)
    total.voluntary = add(total.voluntary, usage.voluntary)
    total.nonvoluntary = add(total.nonvoluntary, usage.nonvoluntary)
    total.readBytes = add(total.readBytes, usage.readBytes)
    total.writeBytes = add(total.writeBytes, usage.writeBytes)
  }

  /**
   * Subtracts storage bytes that were credited in this pass but belong to other groups.
   *
   * @param thread the name of the thread that was credited with them, too.
   */
  takeOffBytes(
    { readBytes, writeBytes }: Pick<Usage, 'readBytes' | 'writeBytes'>,
    thread: string | undefined,
  ): void {
    const named = thread === undefined ? undefined : this.threads.get(thread)?.total
    for (const total of [this.total, ...(named === undefined ? [] : [named])]) {
      total.readBytes = increase(readBytes, total.readBytes)
      total.writeBytes = increase(writeBytes, total.writeBytes)
    }
  }

  /** Adds what another group holds. */
  addGroup(other: Group): void {
    for (const holding of SUMMED) this[holding] += other[holding]
    for (const state of Object.keys(this.states) as (keyof States)[]) {
      this.states[state] += other.states[state]
    }
    this.worstDescriptorRatio = Math.max(this.worstDescriptorRatio, other.worstDescriptorRatio)
    this.oldestStart = Math.min(this.oldestStart, other.oldestStart)
    this.knowsIo ||= other.knowsIo
    this.knowsRunDelay ||= other.knowsRunDelay
    this.knowsDescriptors ||= other.knowsDescriptors
    this.knowsMemory ||= other.knowsMemory
  }

  /**
   * Counts a thread under its name.
   *
   * @param since since when the name counts, if it is new.
   * @returns the name's total, to be credited with the thread's usage.
   */
  addNamedThread(name: string, since: HrTime): Usage {
    let threads = this.threads.get(name)
    if (threads === undefined) {
      threads = { entity: this.entity.part({ [THREAD]: name }, since), total: noUsage(), count: 0 }
      this.threads.set(name, threads)
    }
    threads.count++
    return threads.total
  }

  /** Counts a thread by its state letter and the kernel function that it waits in ('' for none). */
  addThread(state: number, wchan: string): void {
    this.states[STATES.get(state) ?? 'other']++
    if (wchan === '') return
    const wait = this.waits.get(wchan)
    if (wait !== undefined) {
      wait.count++
    } else {
      this.waits.set(wchan, { entity: this.entity.part({ [CHANNEL]: wchan }), count: 1 })
    }
  }
}

const THREAD = 'procgroup.thread.name'
const CHANNEL = 'procgroup.wait.channel'

function groupAttributes({ name, labels }: Assignment): Attributes {
  return { ...labels, 'procgroup.name': name }
}

const SUMMED = [
  'processes',
  'threadCount',
  'virtual',
  'swapped',
  'proportional',
  'proportionalSwapped',
  'unique',
  'shared',
  'resident',
  'openDescriptors',
] as const satisfies (keyof Group)[]

const STATES = new Map<number, keyof States>([
  [0x52, 'running'],
  [0x53, 'sleeping'],
  [0x44, 'waiting'],
  [0x5a, 'zombie'],
])

function noStates(): States {
  return { running: 0, sleeping: 0, waiting: 0, zombie: 0, other: 0 }
}
