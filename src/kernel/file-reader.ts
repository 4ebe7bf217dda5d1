/**
 * Reads small kernel files into one reused buffer.
 *
 * Files below /proc and /sys are made by the kernel at the moment of reading: opening, one `read`
 * and closing is the whole cost, so nothing here allocates per file.
 */
import { closeSync, openSync, readSync } from 'node:fs'

const INITIAL_BYTES = 64 * 1024

/** Content of a file: `bytes[0 .. length)`. */
export interface FileContent {
  readonly bytes: Buffer
  readonly length: number
}

/** The bytes of the file read last are `bytes[0 .. length)`; they live until the next read. */
export class FileReader implements FileContent {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES)
  length = 0

  /**
   * Reads a file that the kernel hands over in one piece (`stat`, `status`, `io`, …).
   *
   * @throws NodeJS.ErrnoException when the file can't be opened or read.
   */
  read(path: string): void {
    const descriptor = openSync(path, O_RDONLY)
    try {
      this.length = readSync(descriptor, this.bytes, 0, this.bytes.length, null)
    } finally {
      closeSync(descriptor)
    }
  }

  /**
   * Reads a file that may need several reads (`cmdline`, `smaps`), up to `limit` bytes.
   *
   * @throws NodeJS.ErrnoException when the file can't be opened or read.
   */
  readAll(path: string, limit: number): void {
    const descriptor = openSync(path, O_RDONLY)
    try {
      this.readWhole(descriptor, limit)
    } finally {
      closeSync(descriptor)
    }
  }

  /** Reads an open file from its beginning. */
  protected readWhole(descriptor: number, limit: number): void {
    let length = 0
    while (length < limit) {
      if (length === this.bytes.length) this.#grow()
      const room = Math.min(limit, this.bytes.length) - length
      const count = readSync(descriptor, this.bytes, length, room, length)
      if (count === 0) break
      length += count
    }
    this.length = length
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(this.bytes.length * 2)
    this.bytes.copy(larger)
    this.bytes = larger
  }
}

const O_RDONLY = 0
