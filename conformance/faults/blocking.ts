/** Files that block when they are read: FIFOs without a writer. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, linkSync, lstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { lateReads } from '../../src/kernel/blocking-files.ts'

export class BlockingFifos {
  /** A second name of each FIFO, since the first may be removed while a read of it blocks. */
  readonly #directory = mkdtempSync(join(tmpdir(), 'fifos-'))
  readonly #fifos: string[] = []

  /** Puts a FIFO in the place of a file, if that is there. */
  block(path: string): void {
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return
    const fifo = join(this.#directory, String(this.#fifos.length))
    execFileSync('mkfifo', ['-m', '644', fifo])
    this.#fifos.push(fifo)
    rmSync(path)
    linkSync(fifo, path)
  }

  /** Lets all reads end that are under way, and forgets the FIFOs. */
  async dispose(): Promise<void> {
    while (lateReads() > 0) {
      for (const fifo of this.#fifos) answer(fifo)
      await delay(1)
    }
    rmSync(this.#directory, { recursive: true })
  }
}

/** Ends the reads of a FIFO, if there are any. */
function answer(fifo: string): void {
  try {
    closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
  }
}
