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

const COUNTERS = ['utime', 'stime', ...COUNTS, 'runDelay'] as const

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
  for (const counter of COUNTERS) {
    const value = current[counter]
    const difference = increase(last[counter], value)
    last[counter] = value
    if (difference === 0) continue
    total[counter] = add(total[counter], difference)
    if (secondTotal !== undefined) secondTotal[counter] = add(secondTotal[counter], difference)
  }
}
