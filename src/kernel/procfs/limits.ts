/** `/proc/PID/limits`: proc_pid_limits(5). */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileReader } from '../file-reader.ts'

const LINE = 'Max open files'

/**
 * The soft limit of open files in the file that the reader holds; Infinity for `unlimited`.
 *
 * @throws KernelFormatError when the line is missing.
 */
export function parseOpenFilesLimit(reader: FileReader, scanner: ByteScanner): number {
  scanner.reset(reader)
  while (!scanner.accept(LINE)) {
    if (!scanner.nextLine()) throw new KernelFormatError(`limits has no line ${LINE}`)
  }
  scanner.skipBlanks()
  return scanner.accept('unlimited') ? Number.POSITIVE_INFINITY : scanner.number()
}
