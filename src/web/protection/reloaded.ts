/** A value that is read from files, and read again when they have changed. */
import { ChangedFiles } from '../../lib/changed-files.ts'

/** How a value is read, refused and reported. */
export interface ReloadedOptions<T> {
  /** Reads the value; calls `onFile` with each path before it reads the file. Throws when it is wrong. */
  readonly read: (onFile: (path: string) => void) => T
  /** Why a new value may not follow the current one; undefined when it may. */
  readonly refuse: (current: T, next: T) => string | undefined
  /** Called after each attempt that a change of the files led to; the reason why it failed, if it did. */
  readonly onReload: (failure: string | undefined) => void
}

/** A value of files; the last valid one stays when the files become wrong. */
export class Reloaded<T> {
  readonly #options: ReloadedOptions<T>
  readonly #files = new ChangedFiles()
  #current: T

  /** @throws whatever `read` throws. */
  constructor(options: ReloadedOptions<T>) {
    this.#options = options
    this.#current = options.read((path) => this.#files.note(path))
  }

  /** The value as the files have it; while they are wrong, the one before. */
  current(): T {
    if (this.#files.haveChanged()) this.#options.onReload(this.#reload())
    return this.#current
  }

  #reload(): string | undefined {
    this.#files.clear()
    try {
      const next = this.#options.read((path) => this.#files.note(path))
      const reason = this.#options.refuse(this.#current, next)
      if (reason === undefined) this.#current = next
      return reason
    } catch (error) {
      return (error as Error).message
    }
  }
}
