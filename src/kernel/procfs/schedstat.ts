/** `/proc/PID/schedstat` and `/proc/PID/task/TID/schedstat`: Documentation/scheduler/sched-stats.rst. */
import type { ByteScanner } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'
import type { U64 } from '../u64.ts'

/** Of one task alone: a process's own file is its main thread's. A record is filled again at every reading. */
export interface Schedstat {
  /** Nanoseconds on a CPU. */
  runtime: U64
  /** Nanoseconds in which it was ready to run and waited for a CPU. */
  runDelay: U64
  /** Times that it came onto a CPU. Like the rest 0 where the kernel doesn't keep them. */
  runs: U64
}

/** A record to be filled; every counter is 0. */
export function emptySchedstat(): Schedstat {
  return { runtime: 0, runDelay: 0, runs: 0 }
}

/**
 * Parses the file that the reader holds into `into`.
 *
 * @throws KernelFormatError when the file is cut short.
 */
export function parseSchedstat(reader: FileContent, scanner: ByteScanner, into: Schedstat): void {
  scanner.reset(reader)
  into.runtime = scanner.u64()
  into.runDelay = scanner.u64()
  into.runs = scanner.u64()
}
