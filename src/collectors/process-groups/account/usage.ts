/** Cumulative usage: what the kernel counts for a task, and what a group adds up from it. */
import { add, increase, type U64 } from '../../../kernel/u64.ts'

/** Counters of one task, or their sum; CPU times in clock ticks. */
export interface Usage {
  utime: U64
  stime: U64
  minflt: U64
  majflt: U64
  voluntary: U64
  nonvoluntary: U64
  readBytes: U64
  writeBytes: U64
  /** Nanoseconds in which it was ready to run and waited for a CPU. */
  runDelay: U64
}

/** A task's usage as it was when it was last credited. */
export interface Account {
  readonly last: Usage
  /** Whether I/O is accounted for: from its first successful reading on. */
  hasIo: boolean
  /** The same of the time that it waited for a CPU. */
  hasRunDelay: boolean
}

/** Which counters of a reading are known. */
export interface KnownCounters {
  readonly hasIo: boolean
  readonly hasRunDelay: boolean
}

/** Everything is known. */
export const ALL_KNOWN: KnownCounters = { hasIo: true, hasRunDelay: true }

/** The counters that are no CPU time. */
export const COUNTS = [
  'minflt',
  'majflt',
  'voluntary',
  'nonvoluntary',
  'readBytes',
  'writeBytes',
] as const satisfies (keyof Usage)[]

/** A record in which every counter is 0. */
export function noUsage(): Usage {
  return {
    utime: 0,
    stime: 0,
    minflt: 0,
    majflt: 0,
    voluntary: 0,
    nonvoluntary: 0,
    readBytes: 0,
    writeBytes: 0,
    runDelay: 0,
  }
}

/** An account that begins at `last`: earlier usage is not counted. */
export function openAccount(last: Usage, { hasIo, hasRunDelay }: KnownCounters): Account {
  return { last: { ...last }, hasIo, hasRunDelay }
}

/**
 * Adds what a task used since it was last credited to up to two totals, and remembers `current`. A counter
 * that went backwards adds nothing.
 *
 * @param known what of `current` could be read. The rest does not change; what was used before its first reading is unknown
 *   and isn't credited.
 */
export function credit(
  account: Account,
  current: Usage,
  known: KnownCounters,
  total: Usage,
  secondTotal?: Usage,
): void {
  const { last } = account
  if (!known.hasIo) {
    current.readBytes = last.readBytes
    current.writeBytes = last.writeBytes
  } else if (!account.hasIo) {
    last.readBytes = current.readBytes
    last.writeBytes = current.writeBytes
    account.hasIo = true
  }
  if (!known.hasRunDelay) current.runDelay = last.runDelay
  else if (!account.hasRunDelay) {
    last.runDelay = current.runDelay
    account.hasRunDelay = true
  }
  takeIncrease(last, current)
  addUsage(total, INCREASE)
  if (secondTotal !== undefined) addUsage(secondTotal, INCREASE)
}

/** What a task has used since it was last credited; overwritten by the next one. */
const INCREASE = noUsage()

// Field by field: a loop over the names takes several times as long, and this is done for each task.

/** Sets INCREASE, and `last` to `current`. */
function takeIncrease(last: Usage, current: Usage): void {
  INCREASE.utime = increase(last.utime, current.utime)
  INCREASE.stime = increase(last.stime, current.stime)
  INCREASE.minflt = increase(last.minflt, current.minflt)
  INCREASE.majflt = increase(last.majflt, current.majflt)
  INCREASE.voluntary = increase(last.voluntary, current.voluntary)
  INCREASE.nonvoluntary = increase(last.nonvoluntary, current.nonvoluntary)
  INCREASE.readBytes = increase(last.readBytes, current.readBytes)
  INCREASE.writeBytes = increase(last.writeBytes, current.writeBytes)
  INCREASE.runDelay = increase(last.runDelay, current.runDelay)
  last.utime = current.utime
  last.stime = current.stime
  last.minflt = current.minflt
  last.majflt = current.majflt
  last.voluntary = current.voluntary
  last.nonvoluntary = current.nonvoluntary
  last.readBytes = current.readBytes
  last.writeBytes = current.writeBytes
  last.runDelay = current.runDelay
}

function addUsage(total: Usage, usage: Usage): void {
  total.utime = add(total.utime, usage.utime)
  total.stime = add(total.stime, usage.stime)
  total.minflt = add(total.minflt, usage.minflt)
  total.majflt = add(total.majflt, usage.majflt)
  total.voluntary = add(total.voluntary, usage.voluntary)
  total.nonvoluntary = add(total.nonvoluntary, usage.nonvoluntary)
  total.readBytes = add(total.readBytes, usage.readBytes)
  total.writeBytes = add(total.writeBytes, usage.writeBytes)
  total.runDelay = add(total.runDelay, usage.runDelay)
}
