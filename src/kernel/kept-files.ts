/**
 * Reads small files of cgroups that their owner keeps open: one system call for each reading, and no look-up by path.
 *
 * For owners that read the same files every second. `CachedDescriptorReader` finds open files by their paths.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import type { FileContent } from './file-reader.ts'

/** A file, and its descriptor while it is open; -1 otherwise. */
export class KeptFile {
  readonly path: string
  descriptor = -1
  /** Whether it was read since `closeUnused` was called last. */
  isUsed = false

  constructor(path: string) {
    this.path = path
  }
}

const INITIAL_SIZE = 16 * 1024

/** The bytes of the file read last are `bytes[0 .. length)`; they live until the next read. */
export class KeptFiles implements FileContent {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_SIZE)
  length = 0
  readonly #limit: number
  readonly #open = new Set<KeptFile>()

  /** @param limit how many files are kept open at most; others are opened for each reading. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Reads a file whole that the kernel hands over in one piece.
   *
   * @throws NodeJS.ErrnoException when the file can't be opened or read; it is closed then.
   */
  read(file: KeptFile): void {
    if (file.descriptor < 0) {
      file.descriptor = openSync(file.path, 'r')
      this.#open.add(file)
    }
    try {
      while (!this.#fits(file.descriptor)) {
        this.bytes = Buffer.allocUnsafe(this.bytes.length * 2)
      }
    } catch (error) {
      this.close(file)
      throw error
    }
    file.isUsed = true
    if (this.#open.size > this.#limit) this.close(file)
  }

  /** Closes the files that were not read since the last call: others have their place. */
  closeUnused(): void {
    for (const file of this.#open) {
      if (file.isUsed) file.isUsed = false
      else this.close(file)
    }
  }

  #fits(descriptor: number): boolean {
    this.length = readSync(descriptor, this.bytes, 0, this.bytes.length, 0)
    return this.length < this.bytes.length
  }

  /** Closes a file; the next reading opens it again. */
  close(file: KeptFile): void {
    if (file.descriptor < 0) return
    closeSync(file.descriptor)
    file.descriptor = -1
    this.#open.delete(file)
  }
}
