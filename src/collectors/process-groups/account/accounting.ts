/**
 * Adds a process to its group: its usage since the last collection, and what it holds now.
 *
 * A process that started before the agent counts from its first reading on, a later one from its birth.
 * What a member used stays with the group when the member ends, so no counter of a group ever falls.
 */
import type { HrTime } from '@opentelemetry/api'
import { isGone } from '../../../kernel/errors.ts'
import { add, increase } from '../../../kernel/u64.ts'
import type { Values } from '../../../lib/settings/setting.ts'
import type { TimeSlice } from '../../../telemetry/time-slice.ts'
import type { PROCESS_GROUP_SETTINGS } from '../settings.ts'
import { IdleTaskCache } from '../track/idle-task-cache.ts'
import type { KnownProcess, KnownThread } from '../track/known-process.ts'
import type { ReadErrors } from '../track/read-errors.ts'
import type { TaskReader } from '../track/task-source.ts'
import type { Group } from './group.ts'
import { type Account, credit, noUsage, openAccount, type Usage } from './usage.ts'

/** One collection, as accounting sees it. */
export interface Pass {
  readonly number: number
  /** The number of the source's pass. */
  readonly source: number
  /** Since when a group, or a thread name, that is new in this collection counts. */
  readonly since: HrTime
  readonly reader: TaskReader
}

/** Reading threads takes a directory listing for each process, and four files for each thread. */
export type AccountingOptions = Pick<
  Values<typeof PROCESS_GROUP_SETTINGS>['process_groups'],
  'threads'
>

/** Adds the usage of processes and threads to the totals of their groups. */
export class Accounting {
  readonly #errors: ReadErrors
  readonly #options: AccountingOptions
  readonly #slice: TimeSlice

  constructor(errors: ReadErrors, options: AccountingOptions, slice: TimeSlice) {
    this.#errors = errors
    this.#options = options
    this.#slice = slice
  }

  /**
   * Adds the process that the reader holds, and its threads.
   *
   * @param fromBirth whether a process at first sight is credited with all it has used so far.
   * @returns a promise of its end where there are threads: they may be so many that others need a turn between them.
   */
  add(
    process: KnownProcess,
    group: Group,
    pass: Pass,
    fromBirth: boolean,
  ): Promise<void> | undefined {
    const { reader } = pass
    const isNew = process.account === undefined
    process.account ??= openAccount(fromBirth ? noUsage() : reader.usage, reader)
    group.addHoldings(reader)
    if (process.isReported) {
      group.addThread(reader.stat.state, reader.wchan)
      process.countedIn = pass.source
      return undefined
    }
    const { threads } = this.#options
    if (threads && (reader.stat.threads > 1 || process.threads !== undefined)) {
      process.threads ??= isNew ? new Map() : leaderOnly(process, process.account)
      const isBaseline = isNew && !fromBirth
      return this.#addThreads(process, process.account, process.threads, group, pass, isBaseline)
    }
    group.addThread(reader.stat.state, reader.wchan)
    const named = threads ? group.addNamedThread(reader.comm, pass.since) : undefined
    credit(process.account, reader.usage, reader, group.total, named)
    process.countedIn = pass.source
    return undefined
  }

  /**
   * Adds what a process and its threads hold of which the reader says that they are as they were counted last: they have
   * used nothing since. The reader holds what the process holds.
   */
  addUnchanged(process: KnownProcess, group: Group, pass: Pass): void {
    const { reader } = pass
    process.countedIn = pass.source
    group.addHoldings(reader)
    if (process.threads === undefined || process.isReported) {
      group.addThread(reader.stat.state, reader.wchan)
      if (this.#options.threads && !process.isReported) {
        group.addNamedThread(reader.comm, pass.since)
      }
      return
    }
    for (const thread of process.threads.values()) countThread(thread, group, pass)
  }

  /** @param isBaseline whether the usage of the threads so far is not to be counted. */
  async #addThreads(
    process: KnownProcess,
    account: Account,
    threads: Map<number, KnownThread>,
    group: Group,
    pass: Pass,
    isBaseline: boolean,
  ): Promise<void> {
    const { reader } = pass
    // The reader will be overwritten by the threads, one after the other.
    const usage = { ...reader.usage }
    const { hasIo, hasRunDelay } = reader
    // The kernel counts the switches and delays of live threads only; a sum of what each thread added doesn't fall
    // when one of them ends.
    usage.voluntary = account.last.voluntary
    usage.nonvoluntary = account.last.nonvoluntary
    usage.runDelay = account.last.runDelay
    const tids = this.#tids(process, reader)
    for (const tid of tids ?? []) {
      if (this.#slice.isOver()) await this.#slice.next()
      let thread = threads.get(tid)
      // One that can't be read for once stays known: else all it has used would count again.
      if (thread !== undefined) {
        thread.pass = pass.number
        if (reader.isThreadAsIn(thread.countedIn, tid)) {
          countThread(thread, group, pass)
          continue
        }
      }
      const idleCache = thread?.idleCache ?? new IdleTaskCache()
      if (!reader.readThread(process, tid, idleCache, thread?.comm)) continue
      if (thread?.start !== reader.stat.starttime) {
        const account = openAccount(isBaseline ? reader.usage : noUsage(), reader)
        thread = newThread(reader.stat.starttime, account, idleCache)
        thread.pass = pass.number
        threads.set(tid, thread)
      }
      thread.comm = reader.comm
      thread.state = reader.stat.state
      thread.wchan = reader.wchan
      const named = countThread(thread, group, pass)
      const { last } = thread.account
      usage.voluntary = add(usage.voluntary, increase(last.voluntary, reader.usage.voluntary))
      usage.nonvoluntary = add(
        usage.nonvoluntary,
        increase(last.nonvoluntary, reader.usage.nonvoluntary),
      )
      if (reader.hasRunDelay && thread.account.hasRunDelay) {
        usage.runDelay = add(usage.runDelay, increase(last.runDelay, reader.usage.runDelay))
      }
      credit(thread.account, reader.usage, reader, named)
    }
    if (tids !== undefined) {
      for (const [tid, thread] of threads) if (thread.pass !== pass.number) threads.delete(tid)
    }
    credit(account, usage, { hasIo, hasRunDelay }, group.total)
    process.countedIn = pass.source
  }

  /** Undefined when they can't be listed. */
  #tids(process: KnownProcess, reader: TaskReader): readonly number[] | undefined {
    try {
      return reader.tids(process)
    } catch (error) {
      if (!isGone(error)) this.#errors.count('task', error)
      return undefined
    }
  }
}

/** Counts a thread by what was read of it last; returns the total of its name. */
function countThread(thread: KnownThread, group: Group, { number, source, since }: Pass): Usage {
  thread.pass = number
  thread.countedIn = source
  group.addThread(thread.state, thread.wchan)
  return group.addNamedThread(thread.comm, since)
}

function newThread(start: number, account: Account, idleCache: IdleTaskCache): KnownThread {
  return { start, comm: '', state: 0, wchan: '', pass: 0, countedIn: 0, account, idleCache }
}

/** The threads of a process that had only one until now: that one goes on with the process's account. */
function leaderOnly(process: KnownProcess, account: Account): Map<number, KnownThread> {
  const leader = newThread(process.start, openAccount(account.last, account), new IdleTaskCache())
  leader.comm = process.comm
  return new Map([[process.pid, leader]])
}
