/** Tasks from one source as long as it works, and from another from the first collection on in which it does not. */
import type { TaskPass, TaskSource } from './task-source.ts'

export class FallbackTasks implements TaskSource {
  readonly #open: () => Promise<TaskSource>
  readonly #fallback: TaskSource
  readonly #onFallback: (error: Error) => void
  /** Undefined before the first collection. */
  #current: TaskSource | undefined

  /**
   * @param open gives the source that is wanted; called in the first collection.
   * @param onFallback told once why that source is not used, or not any more.
   */
  constructor(
    open: () => Promise<TaskSource>,
    fallback: TaskSource,
    onFallback: (error: Error) => void,
  ) {
    this.#open = open
    this.#fallback = fallback
    this.#onFallback = onFallback
  }

  get name(): string {
    return (this.#current ?? this.#fallback).name
  }

  async begin(): Promise<TaskPass> {
    if (this.#current === this.#fallback) return this.#fallback.begin()
    try {
      this.#current ??= await this.#open()
      return await this.#current.begin()
    } catch (error) {
      this.#current?.close()
      this.#current = this.#fallback
      this.#onFallback(error as Error)
      return this.#fallback.begin()
    }
  }

  end(): void {
    this.#current?.end()
  }

  close(): void {
    if (this.#current !== this.#fallback) this.#current?.close()
    this.#fallback.close()
  }
}
