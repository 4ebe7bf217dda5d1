/** How long to wait before the next attempt. */
const FIRST_DELAY = 1000
const MAX_DELAY = 30_000

/**
 * Milliseconds, twice as many after each attempt that failed, of which at least one half.
 *
 * @param attempt attempts that failed so far, from 1.
 * @param random from 0 to 1: the agents of all nodes lose the same server at the same time.
 */
export function backOff(attempt: number, random: number): number {
  return Math.min(MAX_DELAY, FIRST_DELAY * 2 ** (attempt - 1)) * (0.5 + random / 2)
}
