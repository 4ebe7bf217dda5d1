/** Watches for a blocked event loop and for uncaught errors, which must never happen. */
import { require } from '../check.ts'

/** CPU time in milliseconds for which anything may hold the event loop. */
const MAX_MILLISECONDS = 1000

/**
 * CPU time of this thread. While others have the CPU the clock goes on as well, but that is nothing that the agent holds; what
 * waits for ever is the watchdog's.
 */
function usedMilliseconds(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

export class Watch implements Disposable {
  /** Milliseconds of CPU time that the event loop was held longest. */
  longest = 0
  readonly #errors: unknown[] = []
  readonly #onError = (error: unknown) => {
    this.#errors.push(error)
  }

  constructor() {
    process.on('unhandledRejection', this.#onError)
    process.on('uncaughtException', this.#onError)
  }

  /**
   * Runs something, and measures the pieces in which it holds the event loop.
   *
   * @param most milliseconds for one piece.
   * @throws Error when one of them is too long, or something that was not awaited has failed.
   */
  async over<T>(run: () => T | Promise<T>, most = MAX_MILLISECONDS): Promise<T> {
    let isRunning = true
    let longest = 0
    let last = usedMilliseconds()
    const beat = () => {
      const now = usedMilliseconds()
      longest = Math.max(longest, now - last)
      last = now
      if (isRunning) setImmediate(beat)
    }
    setImmediate(beat)
    try {
      return await run()
    } finally {
      beat()
      isRunning = false
      if (most === MAX_MILLISECONDS) this.longest = Math.max(this.longest, longest)
      require(longest <= most, `the event loop was held for ${Math.round(longest)} ms of CPU time`)
      this.requireNoErrors()
    }
  }

  /** @throws Error with the uncaught errors since the last call. */
  requireNoErrors(): void {
    const [error] = this.#errors.splice(0)
    const trace = error instanceof Error ? error.stack : String(error)
    require(error === undefined, `nobody caught ${trace}`)
  }

  [Symbol.dispose](): void {
    process.off('unhandledRejection', this.#onError)
    process.off('uncaughtException', this.#onError)
  }
}
