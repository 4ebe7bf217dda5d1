/** `/proc/stat`: proc_stat(5). */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'

/**
 * The boot time (`btime`) in the file that the reader holds, in seconds since the epoch.
 *
 * @throws KernelFormatError when the line is missing.
 */
export function parseBootTime(reader: FileContent, scanner: ByteScanner): number {
  scanner.reset(reader)
  do {
    if (scanner.accept('btime')) return scanner.number()
  } while (scanner.nextLine())
  throw new KernelFormatError('stat has no line btime')
}
