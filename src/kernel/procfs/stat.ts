/**
 * `/proc/PID/stat` and `/proc/PID/task/TID/stat`: proc_pid_stat(5), Documentation/filesystems/proc.rst
 * table 1-4.
 */
import { type ByteScanner, KernelFormatError, SPACE } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'
import type { U64 } from '../u64.ts'

/** The fields in use, named as in the manual; a record is filled again at every reading. */
export interface Stat {
  /** The byte of the state letter: `R`, `S`, `D`, `Z`, `T`, `t`, `X`, `I`, … */
  state: number
  ppid: number
  /** Kernel flags of the task (`PF_*`). */
  flags: number
  /** Page faults served without and with reading from storage. */
  minflt: U64
  majflt: U64
  /** The same of reaped children, and of the children that they have reaped. */
  cminflt: U64
  cmajflt: U64
  /** CPU time in user and kernel mode, in clock ticks. */
  utime: number
  stime: number
  /** The same of reaped children, and of the children that they have reaped. */
  cutime: number
  cstime: number
  /** Threads in the process. */
  threads: number
  /** Start after boot, in clock ticks: with the PID the identity of a process. */
  starttime: number
  /** Size of the address space in bytes. */
  vsize: number
  /** Resident pages. */
  rss: number
  /**
   * Address of the stack's start (`startstack`): another one after each execve(2). 0 for kernel threads and
   * without the right to trace the process, and where address space isn't randomised it doesn't change.
   */
  stack: number
}

/** A task of the kernel itself (`PF_KTHREAD`, include/linux/sched.h): it has no memory map. */
const PF_KTHREAD = 0x00200000
/** A task that is on its way to its end (`PF_EXITING`). */
export const PF_EXITING = 0x00000004

/** The byte of the state letter `Z`. */
export const ZOMBIE = 0x5a
const OPENING = 0x28
/** The last byte that is a character. */
const ASCII = 0x7f
const CLOSING = 0x29

/** A record to be filled; every field is 0. */
export function emptyStat(): Stat {
  return {
    state: 0,
    ppid: 0,
    flags: 0,
    minflt: 0,
    majflt: 0,
    cminflt: 0,
    cmajflt: 0,
    utime: 0,
    stime: 0,
    cutime: 0,
    cstime: 0,
    threads: 0,
    starttime: 0,
    vsize: 0,
    rss: 0,
    stack: 0,
  }
}

/** Whether the task is a kernel thread (`PF_KTHREAD`), which has no memory map, no arguments and no executable. */
export function isKernelThread(stat: Stat): boolean {
  return (stat.flags & PF_KTHREAD) !== 0
}

/**
 * Parses the file that the reader holds into `into`.
 *
 * The name is between the first `(` and the last `)`, since the name may contain parentheses itself.
 *
 * @throws KernelFormatError when the file is cut short.
 */
export function parseStat(reader: FileContent, scanner: ByteScanner, into: Stat): void {
  scanner.reset(reader)
  scanner.position = commEnd(reader) + 2
  into.state = scanner.bytes[scanner.position]
  scanner.skipFields(1)
  into.ppid = scanner.number()
  scanner.skipFields(4)
  into.flags = scanner.number()
  into.minflt = scanner.u64()
  into.cminflt = scanner.u64()
  into.majflt = scanner.u64()
  into.cmajflt = scanner.u64()
  into.utime = scanner.number()
  into.stime = scanner.number()
  // Printed as signed, but no sum of times is below zero.
  into.cutime = Math.max(0, scanner.signed())
  into.cstime = Math.max(0, scanner.signed())
  scanner.skipFields(2)
  into.threads = scanner.number()
  scanner.skipFields(1)
  into.starttime = scanner.number()
  into.vsize = scanner.number()
  into.rss = Math.max(0, scanner.signed())
  scanner.skipFields(3)
  into.stack = scanner.number()
}

/** The task's name (`comm`) in the file that the reader holds; bytes that aren't UTF-8 become U+FFFD. */
export function statComm(reader: FileContent): string {
  return reader.bytes.toString('utf8', commStart(reader), commEnd(reader))
}

/** Whether the task's name is still `known`, without making a string of it. */
export function statCommIs(reader: FileContent, known: string): boolean {
  const start = commStart(reader)
  if (commEnd(reader) - start !== known.length) return false
  for (let index = 0; index < known.length; index++) {
    const byte = reader.bytes[start + index]
    // Beyond ASCII bytes are no characters: two of them may look like a name of two that takes four.
    if (byte !== known.charCodeAt(index) || byte > ASCII) return false
  }
  return true
}

function commStart(reader: FileContent): number {
  let at = 0
  while (at < reader.length && reader.bytes[at] !== OPENING) at++
  return at + 1
}

function commEnd(reader: FileContent): number {
  let at = reader.length - 1
  while (at > 0 && reader.bytes[at] !== CLOSING) at--
  if (at <= 0 || reader.bytes[at + 1] !== SPACE) throw new KernelFormatError('stat has no name')
  return at
}
