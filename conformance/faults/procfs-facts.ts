/**
 * Values of the files of a process, parsed with regular expressions: slow, simple, and independent of the agent's code.
 * Undefined stands for what is missing or wrong.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const COUNTERS = [
  'utime',
  'stime',
  'minflt',
  'majflt',
  'voluntary',
  'nonvoluntary',
  'readBytes',
  'writeBytes',
  'waitedUtime',
  'waitedStime',
  'waitedMinflt',
  'waitedMajflt',
] as const
export type Counter = (typeof COUNTERS)[number]

export interface TaskFacts {
  readonly isReadable: boolean
  /** Whether it is so strange that how to read it is a matter of taste. */
  readonly isOdd: boolean
  readonly start: bigint | undefined
  readonly counters: Readonly<Record<Counter, bigint | undefined>>
}

export interface ProcessFacts extends TaskFacts {
  /** By what the classic names call them: bytes, threads, descriptors. */
  readonly holdings: Readonly<Record<Holding, bigint | undefined>>
  /** Whether everything that is read of it is there and right. */
  readonly isWhole: boolean
  /** By thread id. */
  readonly tasks: ReadonlyMap<string, TaskFacts>
}

export type Holding =
  | 'resident'
  | 'virtual'
  | 'swapped'
  | 'threads'
  | 'descriptors'
  | 'proportional'

const PAGE = 4096n
const ONE_READ = 64 * 1024
const KIB = 1024n
const LARGEST = 2n ** 64n - 1n

export function readProcess(directory: string): ProcessFacts {
  const task = readTask(directory)
  const stat = statFields(directory)
  const status = firstRead(directory, 'status')
  const swap = /(?:^|\n)VmSwap:/.test(status ?? '') ? lineNumber(status, 'VmSwap:') : 0n
  const smaps = text(directory, 'smaps_rollup')
  const holdings = {
    resident: times(signed(stat?.[21]), PAGE),
    virtual: unsigned(stat?.[20]),
    swapped: times(swap, KIB),
    threads: unsigned(stat?.[17]),
    descriptors: count(join(directory, 'fd')),
    proportional: times(lineNumber(smaps, 'Pss:'), KIB),
  }
  const { readBytes, writeBytes } = task.counters
  const hasIo = readBytes !== undefined && writeBytes !== undefined
  return {
    ...task,
    holdings,
    isWhole: task.isReadable && hasIo && holdings.descriptors !== undefined,
    tasks: new Map(
      list(join(directory, 'task')).map((tid) => [tid, readTask(join(directory, 'task', tid))]),
    ),
  }
}

function readTask(directory: string): TaskFacts {
  const stat = statFields(directory)
  const status = firstRead(directory, 'status')
  // Whatever stands behind the last line that counts is not looked at.
  const end = status?.search(/(?:^|\n)nonvoluntary_ctxt_switches:/) ?? -1
  const io = firstRead(directory, 'io')
  const counters = {
    minflt: unsigned(stat?.[7]),
    majflt: unsigned(stat?.[9]),
    utime: unsigned(stat?.[11]),
    stime: unsigned(stat?.[12]),
    voluntary: lineNumber(status?.slice(0, Math.max(0, end) + 1), 'voluntary_ctxt_switches:'),
    nonvoluntary: lineNumber(status, 'nonvoluntary_ctxt_switches:'),
    readBytes: lineNumber(io, 'read_bytes:'),
    writeBytes: lineNumber(io, 'write_bytes:'),
    waitedUtime: signed(stat?.[13]),
    waitedStime: signed(stat?.[14]),
    waitedMinflt: unsigned(stat?.[8]),
    waitedMajflt: unsigned(stat?.[10]),
  }
  const start = unsigned(stat?.[19])
  return {
    isOdd: stat?.[0] === '' || (stat?.some((field) => field.includes('\n')) ?? false),
    isReadable: start !== undefined && counters.nonvoluntary !== undefined,
    start,
    counters,
  }
}

/** What follows the name in `stat`. */
function statFields(directory: string): string[] | undefined {
  const stat = firstRead(directory, 'stat')
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2)
  // What has no newline behind it may be a part of a number.
  return fields
    .replace(/\n$/, ' ')
    .split(/[ \t]+/)
    .slice(0, -1)
}

/** The number behind a key at the beginning of a line. */
function lineNumber(content: string | undefined, key: string): bigint | undefined {
  const line = content?.match(new RegExp(`(?:^|\\n)${key}[ \\t]*(\\d+)[ \\t\\n]`))
  return unsigned(line?.[1])
}

function unsigned(digits: string | undefined): bigint | undefined {
  if (digits === undefined || !/^\d+$/.test(digits)) return undefined
  const value = BigInt(digits)
  return value <= LARGEST ? value : undefined
}

/** Negative values count as 0: the kernel counts resident pages in parts, whose sum may be negative for a moment. */
function signed(digits: string | undefined): bigint | undefined {
  return digits?.startsWith('-') ? unsigned(digits.slice(1)) && 0n : unsigned(digits)
}

function times(value: bigint | undefined, factor: bigint): bigint | undefined {
  return value === undefined ? undefined : value * factor
}

/** What the kernel hands over in one piece is read in one, and nothing behind it. */
function firstRead(directory: string, name: string): string | undefined {
  return text(directory, name)?.slice(0, ONE_READ)
}

function text(directory: string, name: string): string | undefined {
  try {
    const path = join(directory, name)
    // A FIFO would never end.
    return statSync(path).isFile() ? readFileSync(path, 'latin1') : undefined
  } catch {
    return undefined
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function count(directory: string): bigint | undefined {
  try {
    return BigInt(readdirSync(directory).length)
  } catch {
    return undefined
  }
}
