/** `/proc/PID/statm`: proc_pid_statm(5), in pages. */
import type { ByteScanner } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'

/** A record is filled again at every reading. */
export interface Statm {
  /** Size of the address space. */
  size: number
  resident: number
  /** Resident pages of files and of shared memory. */
  shared: number
  /** Private writable address space and stack, used or not. */
  data: number
}

/** A record to be filled; every size is 0. */
export function emptyStatm(): Statm {
  return { size: 0, resident: 0, shared: 0, data: 0 }
}

/**
 * Parses the file that the reader holds into `into`.
 *
 * @throws KernelFormatError when the file is cut short.
 */
export function parseStatm(reader: FileContent, scanner: ByteScanner, into: Statm): void {
  scanner.reset(reader)
  into.size = scanner.number()
  into.resident = scanner.number()
  into.shared = scanner.number()
  scanner.skipFields(2)
  into.data = scanner.number()
}
