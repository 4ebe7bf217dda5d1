/**
 * Ends the program when a case never ends, and says which one.
 *
 * It is a thread of its own: a blocked event loop can't check the time itself.
 */
import { writeSync } from 'node:fs'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

/** No case needs a part of it. */
const PATIENCE = 120_000
const STDERR = 2

export class Watchdog implements AsyncDisposable {
  readonly #worker = new Worker(new URL(import.meta.url))

  /** Says what begins now, so that what was before has ended. */
  expect(what: string): void {
    this.#worker.postMessage(what)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

if (!isMainThread) {
  let timer: NodeJS.Timeout | undefined
  parentPort?.on('message', (what: string) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      writeSync(STDERR, `FAILED: ${what} has not ended in ${PATIENCE / 1000} s\n`)
      process.kill(process.pid, 'SIGKILL')
    }, PATIENCE)
  })
}
