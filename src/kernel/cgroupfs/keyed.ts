/** Small files of cgroups: one number, or a number behind each of several keys. */
import { ByteScanner } from '../byte-scanner.ts'
import type { FileReader } from '../file-reader.ts'

/** Opens and reads them. All methods throw NodeJS.ErrnoException and KernelFormatError. */
export class SmallFiles {
  readonly reader: FileReader
  readonly scanner = new ByteScanner()
  readonly #values: number[] = []

  constructor(reader: FileReader) {
    this.reader = reader
  }

  /** @returns the values by the place of the key, until the next reading. */
  keyed(path: string, keys: readonly string[]): readonly number[] {
    this.reader.read(path)
    parseKeyed(this.reader, this.scanner, keys, this.#values)
    return this.#values
  }

  number(path: string): number {
    this.reader.read(path)
    return parseNumber(this.reader, this.scanner)
  }

  /** A number that may be negative. */
  signed(path: string): number {
    this.reader.read(path)
    this.scanner.reset(this.reader)
    return this.scanner.signed()
  }
}

/**
 * Reads "flat keyed" files such as `cpu.stat` and `memory.stat` (Documentation/admin-guide/cgroup-v2.rst): a key, a
 * blank, a number in each line.
 *
 * @param keys with the blank, such as `usage_usec `.
 * @param into by the place of the key; NaN where the file doesn't have it.
 * @throws KernelFormatError when the file ends within a number.
 */
function parseKeyed(
  reader: FileReader,
  scanner: ByteScanner,
  keys: readonly string[],
  into: number[],
): void {
  for (let index = 0; index < keys.length; index++) into[index] = Number.NaN
  scanner.reset(reader)
  // Files keep their order from kernel to kernel, and so do the keys: the next wanted one is mostly the next found.
  let expected = 0
  do {
    for (let tried = 0; tried < keys.length; tried++) {
      const index = (expected + tried) % keys.length
      if (!scanner.accept(keys[index])) continue
      into[index] = scanner.number()
      expected = index + 1
      break
    }
  } while (scanner.nextLine())
}

/**
 * A file with one number, or `max` for none.
 *
 * @returns Infinity for `max`.
 * @throws KernelFormatError when there is neither.
 */
export function parseNumber(reader: FileReader, scanner: ByteScanner): number {
  scanner.reset(reader)
  return scanner.accept('max') ? Number.POSITIVE_INFINITY : scanner.number()
}
