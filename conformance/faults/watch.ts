/** Watches what must never happen, whatever is read: a stalled event loop, or an error that nobody catches. */
import { require } from '../check.ts'

/** Longest time in milliseconds for which anything may hold the event loop. */
const MOST_MILLISECONDS = 1000

export class Watch implements Disposable {
  /** Milliseconds that the event loop was held longest. */
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
  async over<T>(run: () => T | Promise<T>, most = MOST_MILLISECONDS): Promise<T> {
    let isRunning = true
    let longest = 0
    let last = performance.now()
    const beat = () => {
      const now = performance.now()
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
      if (most === MOST_MILLISECONDS) this.longest = Math.max(this.longest, longest)
      require(longest <= most, `the event loop was held for ${Math.round(longest)} ms`)
      this.requireNoErrors()
    }
  }

  /** @throws Error with what nobody has caught since the last call. */
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
