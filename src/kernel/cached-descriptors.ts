/**
 * Keeps files of cgroups and processes open from one collection to the next: reading one again costs a quarter to a third
 * of opening, reading and closing it.
 *
 * The kernel generates their text whenever they are read from the beginning, and returns an error when the cgroup or process is
 * gone, so the content is never old nor another's. An open file costs 5 kB of kernel memory.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { FileReader } from './file-reader.ts'

interface CachedFile {
  readonly descriptor: number
  isUsed: boolean
}

/** A file reader that keeps descriptors open between collections, up to a limit. */
export class CachedDescriptorReader extends FileReader {
  /** Files opened so far, and those of them that replaced a cached file that the kernel had removed. */
  opened = 0
  replaced = 0
  readonly #limit: number
  readonly #files = new Map<string, CachedFile>()

  /** @param limit how many files it keeps open at most. */
  constructor(limit: number) {
    super()
    this.#limit = limit
  }

  override read(path: string): void {
    if (this.#readCached(path, (descriptor) => this.#readOnce(descriptor))) return
    super.read(path)
    this.opened++
  }

  override readAll(path: string, limit: number): void {
    if (this.#readCached(path, (descriptor) => this.readWhole(descriptor, limit))) return
    super.readAll(path, limit)
    this.opened++
  }

  /** Closes the files that were not read since the last call: their cgroups or processes are gone. */
  closeUnused(): void {
    for (const [path, cached] of this.#files) {
      if (cached.isUsed) cached.isUsed = false
      else this.#close(path, cached)
    }
  }

  /** Closes all files. */
  close(): void {
    for (const [path, cached] of this.#files) this.#close(path, cached)
  }

  /** Whether the file is cached, or could be added to the cache, and was read. */
  #readCached(path: string, read: (descriptor: number) => void): boolean {
    const known = this.#files.get(path)
    let hasGone = false
    if (known !== undefined) {
      try {
        read(known.descriptor)
        known.isUsed = true
        return true
      } catch (error) {
        // Its cgroup or process is gone; there may be another one with this path.
        this.#close(path, known)
        hasGone = (error as NodeJS.ErrnoException).code === 'ENODEV'
      }
    }
    if (this.#files.size >= this.#limit) return false
    const cached = { descriptor: openSync(path, 'r'), isUsed: true }
    this.#files.set(path, cached)
    try {
      read(cached.descriptor)
      this.opened++
      if (hasGone) this.replaced++
      return true
    } catch (error) {
      this.#close(path, cached)
      throw error
    }
  }

  #readOnce(descriptor: number): void {
    this.length = readSync(descriptor, this.bytes, 0, this.bytes.length, 0)
  }

  #close(path: string, { descriptor }: CachedFile): void {
    this.#files.delete(path)
    closeSync(descriptor)
  }
}
