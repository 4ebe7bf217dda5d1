/**
 * Tasks from one source as long as it works, and from another from the first collection on in which it does not. The first
 * one is tried again after a while: an iterator may be pinned anew, or memory be short for once.
 */
import type { TaskPass, TaskSource } from './task-source.ts'

/** When the wanted source is tried again, and what is called when it is given up. */
export interface FallbackOptions {
  /** Called with the reason why the source is not used: once, until it was used again. */
  readonly onFallback: (error: Error) => void
  /** Called when the source is used again. */
  readonly onReturn?: () => void
  /** Milliseconds until the source is tried again; each further time takes twice as long, up to a day. */
  readonly retryAfter?: number
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

const RETRY_AFTER_MILLISECONDS = 10 * 60 * 1000
const MAX_RETRY_MILLISECONDS = 24 * 60 * 60 * 1000

/** A task source that is replaced by another one while it fails. */
export class FallbackTasks implements TaskSource {
  readonly #open: () => Promise<TaskSource>
  readonly #fallback: TaskSource
  readonly #options: Required<FallbackOptions>
  /** The source that is wanted, while it works. */
  #wanted: TaskSource | undefined
  /** Of the collection under way, or of the last one. */
  #current: TaskSource
  #retryAt = 0
  #retryAfter: number
  #hasFailed = false

  /** @param open gives the source that is wanted; called in the first collection, and when it is tried again. */
  constructor(open: () => Promise<TaskSource>, fallback: TaskSource, options: FallbackOptions) {
    this.#open = open
    this.#fallback = fallback
    this.#options = {
      onReturn: () => {},
      retryAfter: RETRY_AFTER_MILLISECONDS,
      now: () => performance.now(),
      ...options,
    }
    this.#current = fallback
    this.#retryAfter = this.#options.retryAfter
  }

  get name(): string {
    return this.#current.name
  }

  async begin(): Promise<TaskPass> {
    const pass = await this.#beginWanted()
    if (pass !== undefined) return pass
    this.#current = this.#fallback
    return this.#fallback.begin()
  }

  end(): void {
    this.#current.end()
  }

  close(): void {
    this.#wanted?.close()
    this.#fallback.close()
  }

  /** Undefined where the source does not work. */
  async #beginWanted(): Promise<TaskPass | undefined> {
    const { onFallback, onReturn, now } = this.#options
    if (this.#wanted === undefined && now() < this.#retryAt) return undefined
    try {
      this.#wanted ??= await this.#open()
      const pass = await this.#wanted.begin()
      this.#current = this.#wanted
      if (this.#hasFailed) onReturn()
      this.#hasFailed = false
      return pass
    } catch (error) {
      this.#wanted?.close()
      this.#wanted = undefined
      this.#retryAt = now() + this.#retryAfter
      this.#retryAfter = Math.min(this.#retryAfter * 2, MAX_RETRY_MILLISECONDS)
      if (!this.#hasFailed) onFallback(error as Error)
      this.#hasFailed = true
      return undefined
    }
  }
}
