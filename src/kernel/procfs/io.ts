/**
 * `/proc/PID/io` and `/proc/PID/task/TID/io`: proc_pid_io(5), Documentation/filesystems/proc.rst
 * section 3.3. Needs the right to trace the process (PTRACE_MODE_READ).
 */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'
import type { U64 } from '../u64.ts'

/** Bytes that really went from and to storage; a record is filled again at every reading. */
export interface Io {
  readBytes: U64
  writeBytes: U64
}

/** A record to be filled; every counter is 0. */
export function emptyIo(): Io {
  return { readBytes: 0, writeBytes: 0 }
}

/**
 * Parses the file that the reader holds into `into`.
 *
 * @throws KernelFormatError when one of its two lines is missing.
 */
export function parseIo(reader: FileContent, scanner: ByteScanner, into: Io): void {
  scanner.reset(reader)
  while (!scanner.accept('read_bytes:')) nextLine(scanner)
  into.readBytes = scanner.u64()
  nextLine(scanner)
  while (!scanner.accept('write_bytes:')) nextLine(scanner)
  into.writeBytes = scanner.u64()
}

function nextLine(scanner: ByteScanner): void {
  if (!scanner.nextLine()) throw new KernelFormatError('io is cut short')
}
