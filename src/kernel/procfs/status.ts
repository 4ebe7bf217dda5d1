/**
 * `/proc/PID/status` and `/proc/PID/task/TID/status`: proc_pid_status(5),
 * Documentation/filesystems/proc.rst table 1-2.
 */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'
import type { U64 } from '../u64.ts'

/** The lines in use; a record is filled again at every reading. */
export interface Status {
  /** Effective user id. */
  euid: number
  /** Resident memory in bytes (`VmRSS`); undefined where the line is absent (kernel threads). */
  resident: number | undefined
  /** Swapped-out private memory in bytes (`VmSwap`); 0 where the line is absent (kernel threads). */
  swap: number
  /** Times the task gave up the CPU by itself, and was taken off it. For this task only, not its threads. */
  voluntary: U64
  nonvoluntary: U64
}

const KIB = 1024
const NONVOLUNTARY = 'nonvoluntary_ctxt_switches:'

/** A record to be filled; every counter is 0, and the resident memory is unknown. */
export function emptyStatus(): Status {
  return { euid: 0, resident: undefined, swap: 0, voluntary: 0, nonvoluntary: 0 }
}

/**
 * Parses the file that the reader holds into `into`.
 *
 * @throws KernelFormatError when the user or the switch counts, the file's last lines, are missing.
 */
export function parseStatus(reader: FileContent, scanner: ByteScanner, into: Status): void {
  scanner.reset(reader)
  into.resident = undefined
  into.swap = 0
  let hasUser = false
  let hasVoluntary = false
  do {
    switch (scanner.bytes[scanner.position]) {
      case U:
        if (scanner.accept('Uid:')) {
          scanner.skipFields(1)
          into.euid = scanner.number()
          hasUser = true
        }
        break
      case V:
        if (scanner.accept('VmRSS:')) into.resident = scanner.number() * KIB
        else if (scanner.accept('VmSwap:')) into.swap = scanner.number() * KIB
        break
      case v:
        if (scanner.accept('voluntary_ctxt_switches:')) {
          into.voluntary = scanner.u64()
          hasVoluntary = true
        }
        break
      case n:
        if (scanner.accept(NONVOLUNTARY)) {
          into.nonvoluntary = scanner.u64()
          // The record may hold what it was filled with before.
          if (hasUser && hasVoluntary) return
          throw new KernelFormatError('status lacks lines in its middle')
        }
    }
  } while (scanner.nextLine())
  throw new KernelFormatError('status has no line nonvoluntary_ctxt_switches')
}

/** Whether the task waits in state D and is the only one of its process. */
export function mayBeExecuting(content: FileContent, scanner: ByteScanner): boolean {
  scanner.reset(content)
  while (!scanner.accept('State:')) if (!scanner.nextLine()) return false
  scanner.skipBlanks()
  if (scanner.bytes[scanner.position] !== D) return false
  while (!scanner.accept('Threads:')) if (!scanner.nextLine()) return false
  return scanner.number() === 1
}

const D = 0x44
const U = 0x55
const V = 0x56
const v = 0x76
const n = 0x6e
