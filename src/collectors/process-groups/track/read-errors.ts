/** What could not be read, counted by file and reason. */
import { errorCode } from '../../../kernel/errors.ts'

/** The files of a process, as metrics name them. */
export type ProcessFile =
  | 'stat'
  | 'status'
  | 'io'
  | 'fd'
  | 'limits'
  | 'smaps'
  | 'wchan'
  | 'task'
  | 'cmdline'
  | 'cgroup'

/** Counts what could not be read: collections, processes, parts of processes, and files by reason. */
export class ReadErrors {
  /** Collections, processes and parts of processes that could not be read. */
  collections = 0
  processes = 0
  omissions = 0
  readonly #files = new Map<ProcessFile, Map<string, number>>()

  count(file: ProcessFile, error: unknown): void {
    const reasons = this.#files.get(file) ?? new Map<string, number>()
    const reason = errorCode(error)
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    this.#files.set(file, reasons)
  }

  *files(): Generator<[file: ProcessFile, reason: string, count: number]> {
    for (const [file, reasons] of this.#files) {
      for (const [reason, count] of reasons) yield [file, reason, count]
    }
  }
}
