/** Ages that differ from process to process. */

const SPREAD_STEPS = 64

/**
 * How old the values of one process may be, in milliseconds: between half of `maxAge` and all of it, so that not all
 * processes are read again in the same collection.
 */
export function spreadAge(maxAge: number, pid: number): number {
  return maxAge * (0.5 + (pid % SPREAD_STEPS) / (2 * SPREAD_STEPS))
}
