/** `/proc/PID/limits`: proc_pid_limits(5). */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'

const LINE = 'Max open files'
/** What `unlimited` stands for: RLIM_INFINITY, all bits set, as a double. */
const UNLIMITED = 2 ** 64

/**
 * The soft limit of open files in the file that the reader holds; 2^64 for `unlimited`.
 *
 * @throws KernelFormatError when the line is missing.
 */
export function parseOpenFilesLimit(reader: FileContent, scanner: ByteScanner): number {
  scanner.reset(reader)
  while (!scanner.accept(LINE)) {
    if (!scanner.nextLine()) throw new KernelFormatError(`limits has no line ${LINE}`)
  }
  scanner.skipBlanks()
  return scanner.accept('unlimited') ? UNLIMITED : scanner.number()
}
