/** Where the tracker reads the usage of exited processes, also of those that it has never read. */
import type { Drained } from '../../../kernel/bpf/exit-totals.ts'

/** A source of the usage of exited processes, and of forks and executions. */
export interface ExitSource {
  /** Begins a listing of processes: from now on each exit is reported by itself. */
  beginPass(): void
  /** Ends a listing: all processes that exist now were listed. */
  endPass(): void
  /**
   * Takes out what was counted since the last call.
   *
   * @throws NodeJS.ErrnoException when the source does not work any more.
   */
  drain(): Drained
  /** Numbers of exits, and of forks and executions, that were lost because the tables were full. */
  lost(): { readonly exits: number; readonly starts: number }
  close(): void
}
