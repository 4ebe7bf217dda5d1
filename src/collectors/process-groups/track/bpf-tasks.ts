/**
 * The task source that reads the kernel's task iterator. One pass gives everything but proportional memory, which is read
 * from procfs. The kernel's raw values are converted here as procfs converts them.
 */
import { CpuTimes } from '../../../kernel/bpf/cpu-times.ts'
import type { TaskIterator } from '../../../kernel/bpf/task-iterator.ts'
import { PROCESS, TASK, TaskRecords, WORD } from '../../../kernel/bpf/task-records.ts'
import { stateLetter } from '../../../kernel/bpf/task-states.ts'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import { emptyProportionalMemory } from '../../../kernel/procfs/smaps.ts'
import { emptyStat, isKernelThread, ZOMBIE } from '../../../kernel/procfs/stat.ts'
import type { SystemConstants } from '../../../kernel/system-constants.ts'
import { spreadAge } from '../../../lib/spread-age.ts'
import type { TimeSlice } from '../../../telemetry/time-slice.ts'
import type { ExpensiveStats } from './expensive-stats.ts'
import type { IdleTaskCache } from './idle-task-cache.ts'
import type { ProcessReaderOptions } from './process-reader.ts'
import { ReadTask } from './read-task.ts'
import {
  nextPass,
  type TaskIdentity,
  type TaskPass,
  type TaskReader,
  type TaskSource,
} from './task-source.ts'

/** What `BpfTasks` reads from. */
export interface BpfTasksParts {
  readonly iterator: TaskIterator
  /** Of the same PID namespace. */
  readonly procfs: Procfs
  readonly slice: TimeSlice
  /** Whether records of threads are needed. */
  readonly threads: boolean
}

/** A task by its id: where its record is, and what is kept of it between collections. */
interface KnownTask {
  /** 0 for a task that has ended. */
  id: number
  /** The last pass that showed it. */
  pass: number
  /** Of its record in that pass. */
  offset: number
  /** The last pass in which its record was not that of the pass before. */
  changedIn: number
  /** Of a leader: the same of any of its threads. */
  threadsChangedIn: number
  /** Of a leader: the ids of its threads, and the pass that showed them; of an earlier pass where it has one now. */
  tids: number[]
  tidsOf: number
  /**
   * The tasks whose records followed in the last pass that showed it: any, and of leaders. The kernel lists tasks in the order
   * of their ids, so nearly always the same ones follow again, and need not be found by their ids.
   */
  next: KnownTask | undefined
  nextLeader: KnownTask | undefined
  /** CPU times never decrease; a leader has those of its process and, where threads are read, its own. */
  process: StartedTimes | undefined
  thread: StartedTimes | undefined
}

/** CPU times, and the start that distinguishes the task from others with its id. */
interface StartedTimes {
  readonly start: number
  readonly times: CpuTimes
}

const NO_TIDS: number[] = []
const NANOSECONDS_PER_SECOND = 1e9
/** The agent's own memory and CPU time may change between two ways of reading them. */
const RESIDENT_FACTOR = 2
const CPU_SLACK_SECONDS = 0.1

/** The task source that reads the kernel's task iterator (BPF). */
export class BpfTasks extends ReadTask implements TaskSource, TaskReader {
  readonly name = 'bpf'

  readonly #parts: BpfTasksParts
  readonly #options: ProcessReaderOptions
  readonly #system: SystemConstants
  /** Nanoseconds in a clock tick. */
  readonly #tick: number
  readonly #records = new TaskRecords()
  readonly #tasks = new Map<number, KnownTask>()
  #pass = 0
  #lastPass = 0
  /** Tasks that the pass has shown. */
  #shown = 0
  /** When it began, by `performance.now()`. */
  #time = 0
  /** The one whose record is the current one. */
  #task: KnownTask | undefined
  /** The one that was looked for last. */
  #looked: KnownTask | undefined
  /** The task that was indexed last, the last that was a leader, and the leader of the last thread. */
  #indexed: KnownTask | undefined
  #indexedLeader: KnownTask | undefined
  #leader: KnownTask | undefined
  #ownStart: number | undefined

  constructor(parts: BpfTasksParts, options: ProcessReaderOptions, system: SystemConstants) {
    super()
    // A record has everything.
    this.hasIo = true
    this.hasRunDelay = true
    this.hasDescriptors = true
    this.isWhole = true
    this.#parts = parts
    this.#options = options
    this.#system = system
    this.#tick = NANOSECONDS_PER_SECOND / system.ticksPerSecond
  }

  async begin(): Promise<TaskPass> {
    this.#lastPass = this.#pass
    this.#pass = nextPass()
    this.#time = performance.now()
    this.#task = undefined
    this.#looked = undefined
    this.#indexed = undefined
    this.#indexedLeader = undefined
    this.#shown = 0
    this.#records.clear()
    const before = process.cpuUsage()
    const pids: number[] = []
    const pass = this.#parts.iterator.begin()
    try {
      for (let start = 0; pass.read(this.#records); start = this.#records.length) {
        this.#records.scan(start, (offset) => this.#index(offset, pids))
        if (this.#parts.slice.isOver()) await this.#parts.slice.next()
      }
    } finally {
      pass.close()
    }
    this.#checkOwn(before)
    // Other collectors need not list them again.
    this.#parts.procfs.setPids(pids)
    return { number: this.#pass, pids, reader: this }
  }

  end(): void {
    // Usually no task has ended.
    if (this.#shown === this.#tasks.size) return
    for (const [id, task] of this.#tasks) {
      if (task.pass === this.#pass) continue
      this.#tasks.delete(id)
      task.id = 0
      task.next = undefined
      task.nextLeader = undefined
    }
  }

  close(): void {
    this.#parts.iterator.close()
  }

  isAsIn(pass: number, { pid }: TaskIdentity): boolean {
    if (pass !== this.#lastPass) return false
    const task = this.#shownTask(pid)
    return (
      task !== undefined && task.changedIn !== this.#pass && task.threadsChangedIn !== this.#pass
    )
  }

  isThreadAsIn(pass: number, tid: number): boolean {
    return pass === this.#lastPass && this.#shownTask(tid)?.changedIn !== this.#pass
  }

  readHoldings(
    { pid, comm }: TaskIdentity & { readonly comm: string },
    expensive: ExpensiveStats,
  ): void {
    this.#moveTo(pid)
    this.comm = comm
    this.#readState()
    this.#readHeld()
    this.#readResources(pid, expensive)
  }

  readStat({ pid }: TaskIdentity, comm = ''): void {
    this.#moveTo(pid)
    const { stat } = this
    const records = this.#records
    this.#readTask(comm)
    this.#readHeld()
    const times = this.#processTimes()
    stat.utime = Math.floor(times.utime / this.#tick)
    stat.stime = Math.floor(times.stime / this.#tick)
    stat.cutime = this.#ticks(PROCESS.cutime)
    stat.cstime = this.#ticks(PROCESS.cstime)
    stat.cminflt = records.u64(PROCESS.cminflt)
    stat.cmajflt = records.u64(PROCESS.cmajflt)
    stat.stack = records.number(PROCESS.startStack)
  }

  readAhead(): undefined {
    return undefined
  }

  readRest({ pid }: TaskIdentity, expensive: ExpensiveStats): void {
    this.#moveTo(pid)
    const { usage, stat } = this
    this.#readUsage(PROCESS)
    usage.minflt = stat.minflt
    usage.majflt = stat.majflt
    this.#readResources(pid, expensive)
  }

  /** What `stat` says of what the process holds, and its faults. */
  #readHeld(): void {
    const { stat } = this
    const records = this.#records
    stat.minflt = records.u64(PROCESS.minflt)
    stat.majflt = records.u64(PROCESS.majflt)
    stat.threads = records.word(WORD.threads)
    stat.vsize = records.number(PROCESS.totalVm) * this.#system.pageSize
    stat.rss = records.number(PROCESS.rssQuick)
  }

  /** What else it holds. */
  #readResources(pid: number, expensive: ExpensiveStats): void {
    const records = this.#records
    const { pageSize } = this.#system
    this.expensive = expensive
    this.resident = this.#residentPages() * pageSize
    this.swap = records.number(PROCESS.swap) * pageSize
    this.openDescriptors = records.word(WORD.descriptors)
    expensive.openFilesLimit = records.number(PROCESS.openFilesLimit)
    this.descriptorRatio =
      this.openDescriptors === 0 ? 0 : this.openDescriptors / expensive.openFilesLimit
    this.#checkMemory(pid)
  }

  tids({ pid }: TaskIdentity): readonly number[] {
    const leader = this.#tasks.get(pid)
    return leader?.tidsOf === this.#pass ? leader.tids : [pid]
  }

  readThread(_process: TaskIdentity, tid: number, _idleCache: IdleTaskCache, comm = ''): boolean {
    const task = this.#shownTask(tid)
    if (task === undefined) return false
    this.#task = task
    this.#records.moveTo(task.offset)
    const { stat, usage } = this
    const records = this.#records
    this.#readTask(comm)
    const times = this.#threadTimes()
    stat.utime = Math.floor(times.utime / this.#tick)
    stat.stime = Math.floor(times.stime / this.#tick)
    usage.minflt = records.u64(TASK.minflt)
    usage.majflt = records.u64(TASK.majflt)
    this.#readUsage(TASK)
    return true
  }

  isThere({ pid, directory, start }: TaskIdentity & { readonly start: number }): boolean {
    if (this.#shownTask(pid) === undefined) return false
    const { procfs } = this.#parts
    if (procfs.isExecuting(directory)) return true
    const stat = emptyStat()
    try {
      procfs.stat(directory, stat)
      return stat.starttime === start
    } catch {
      return false
    }
  }

  #index(offset: number, pids: number[]): void {
    const records = this.#records
    const id = records.word(WORD.pid)
    const before = this.#indexed
    const task = before?.next?.id === id ? before.next : this.#known(id)
    if (before !== undefined) before.next = task
    this.#indexed = task
    const isAsBefore = task.pass === this.#lastPass && records.isAsBefore(task.offset)
    if (!isAsBefore) task.changedIn = this.#pass
    if (task.pass !== this.#pass) this.#shown++
    task.pass = this.#pass
    task.offset = offset
    if (records.isLeader) {
      pids.push(id)
      if (this.#indexedLeader !== undefined) this.#indexedLeader.nextLeader = task
      this.#indexedLeader = task
      this.#leader = task
      return
    }
    const process = records.word(WORD.tgid)
    // Threads usually follow their leader.
    if (this.#leader?.id !== process) this.#leader = this.#known(process)
    const leader = this.#leader
    if (!isAsBefore) leader.threadsChangedIn = this.#pass
    if (leader.tidsOf === this.#pass) {
      leader.tids.push(id)
      return
    }
    leader.tidsOf = this.#pass
    // A leader has the lowest id but where a thread has executed a program: then it is not among these.
    leader.tids = [process, id]
  }

  #known(id: number): KnownTask {
    let task = this.#tasks.get(id)
    if (task === undefined) {
      task = {
        ...{ id, pass: 0, offset: 0, changedIn: 0, threadsChangedIn: 0, tidsOf: 0, tids: NO_TIDS },
        ...{ next: undefined, nextLeader: undefined, process: undefined, thread: undefined },
      }
      this.#tasks.set(id, task)
    }
    return task
  }

  /** Undefined when the pass does not show it. */
  #shownTask(id: number): KnownTask | undefined {
    const task = this.#find(id)
    if (task?.pass !== this.#pass) return undefined
    this.#looked = task
    return task
  }

  #find(id: number): KnownTask | undefined {
    const looked = this.#looked
    if (looked?.id === id) return looked
    if (looked?.next?.id === id) return looked.next
    return looked?.nextLeader?.id === id ? looked.nextLeader : this.#tasks.get(id)
  }

  #moveTo(id: number): void {
    const task = this.#shownTask(id)
    if (task === undefined) {
      throw Object.assign(new Error(`process ${id} has ended`), { code: 'ENOENT' })
    }
    this.#task = task
    this.#records.moveTo(task.offset)
  }

  /** What a leader and a thread have both. */
  #readTask(comm: string): void {
    const records = this.#records
    this.comm = records.comm(comm)
    this.stat.ppid = records.word(WORD.ppid)
    this.#readState()
  }

  #readState(): void {
    const { stat } = this
    const records = this.#records
    stat.state = stateLetter(records.word(WORD.state))
    stat.flags = records.word(WORD.flags)
    stat.starttime = this.#ticks(TASK.start)
    this.wchan = records.wchan()
  }

  /** Of the current record; files of a tmpfs, where a program may be, count as shared memory. */
  #residentPages(): number {
    const records = this.#records
    return (
      records.number(PROCESS.rssFile) +
      records.number(PROCESS.rssAnon) +
      records.number(PROCESS.rssShmem)
    )
  }

  #readUsage(of: { readonly readBytes: number; readonly writeBytes: number }): void {
    const { usage, stat } = this
    const records = this.#records
    usage.utime = stat.utime
    usage.stime = stat.stime
    // As in `status` and `schedstat` of a process: those of its leader.
    usage.voluntary = records.u64(TASK.voluntary)
    usage.nonvoluntary = records.u64(TASK.nonvoluntary)
    usage.runDelay = records.u64(TASK.runDelay)
    usage.readBytes = records.u64(of.readBytes)
    usage.writeBytes = records.u64(of.writeBytes)
  }

  #checkMemory(pid: number): void {
    const { refresh, smaps, smaps_interval } = this.#options
    this.memoryIsDue = false
    this.hasMemory = smaps
    if (!smaps) return
    if (isKernelThread(this.stat) || this.stat.state === ZOMBIE) {
      Object.assign(this.expensive, emptyProportionalMemory())
      return
    }
    const longest = spreadAge(refresh, pid)
    const shortest = refresh === 0 ? 0 : smaps_interval
    this.memoryIsDue = this.expensive.isMemoryDue(this.stat, this.#time, longest, shortest)
    this.hasMemory = !this.memoryIsDue
  }

  #ticks(offset: number): number {
    return Math.floor(this.#records.number(offset) / this.#tick)
  }

  /** Of the current record's process. */
  #processTimes(): CpuTimes {
    const task = this.#task as KnownTask
    task.process = this.#sameStart(task.process)
    return this.#update(task.process.times, PROCESS)
  }

  /** Of the current record's thread. */
  #threadTimes(): CpuTimes {
    const task = this.#task as KnownTask
    task.thread = this.#sameStart(task.thread)
    return this.#update(task.thread.times, TASK)
  }

  #sameStart(known: StartedTimes | undefined): StartedTimes {
    const start = this.#records.number(TASK.start)
    return known?.start === start ? known : { start, times: new CpuTimes() }
  }

  #update(times: CpuTimes, of: typeof TASK | typeof PROCESS): CpuTimes {
    const records = this.#records
    const runtime = records.number(of.runtime)
    if (!times.hasRun(runtime)) return times
    times.update({
      utime: records.number(of.utime),
      stime: records.number(of.stime),
      runtime,
      prevUtime: records.number(of.prevUtime),
      prevStime: records.number(of.prevStime),
    })
    return times
  }

  /**
   * Compares the agent's own record with the results of other system calls.
   *
   * @throws Error that says what differs.
   */
  #checkOwn(before: NodeJS.CpuUsage): void {
    const own = { pid: process.pid, directory: this.#parts.procfs.directory(process.pid) }
    if (this.#shownTask(own.pid) === undefined) {
      throw new Error('the iterator does not show the agent itself: it is in another PID namespace')
    }
    if (this.#parts.threads && this.tids(own).length === 1) {
      throw new Error(
        'the pinned iterator gives no threads: pin it again with process_groups.threads, or set that to false',
      )
    }
    this.#ownStart ??= this.#startByProcfs(own.directory)
    this.readStat(own)
    if (this.stat.starttime !== this.#ownStart) {
      throw new Error(`the agent has started at tick ${this.#ownStart}, not ${this.stat.starttime}`)
    }
    const resident = this.#residentPages() * this.#system.pageSize
    const expected = process.memoryUsage.rss()
    if (resident > expected * RESIDENT_FACTOR || resident * RESIDENT_FACTOR < expected) {
      throw new Error(`resident memory of the agent is ${expected} bytes, not ${resident}`)
    }
    const seconds = (this.stat.utime + this.stat.stime) / this.#system.ticksPerSecond
    const after = process.cpuUsage()
    const [least, most] = [before, after].map(({ user, system }) => (user + system) / 1e6)
    if (seconds < least - CPU_SLACK_SECONDS || seconds > most + CPU_SLACK_SECONDS) {
      throw new Error(`CPU time of the agent is ${least} to ${most} s, not ${seconds} s`)
    }
  }

  #startByProcfs(directory: string): number {
    const stat = emptyStat()
    this.#parts.procfs.stat(directory, stat)
    return stat.starttime
  }
}
