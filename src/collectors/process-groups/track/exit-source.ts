/** Where the tracker learns what processes had used when they ended, whether or not it has seen them. */
import type { Drained } from '../../../kernel/bpf/exit-totals.ts'

export interface ExitSource {
  /** Says that processes are about to be listed: from now on each exit is told by itself. */
  beginPass(): void
  /** Says that all processes were listed that are there now. */
  endPass(): void
  /**
   * Takes out what was counted since the last call.
   *
   * @throws NodeJS.ErrnoException when the source does not work any more.
   */
  drain(): Drained
  /** Exits, and forks and executions, for which there was no room so far. */
  lost(): { readonly exits: number; readonly starts: number }
  close(): void
}
