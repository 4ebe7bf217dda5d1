/** How long to wait before a request is sent again. */
import type { ExportError } from './export-error.ts'

const FIRST_DELAY = 1000
const MAX_DELAY = 5000
const GROWTH = 1.5
const JITTER = 0.2

/** The longest time that a timer of Node.js takes; beyond it, it fires at once. */
const MAX_TIMER = 2 ** 31 - 1

/**
 * Milliseconds to wait before the next attempt: what the receiver asks for, but never less than the
 * back-off, so that a receiver that asks for none is not flooded.
 *
 * @param attempt attempts so far, from 1.
 * @param random from 0 to 1: agents that failed together must not come back together.
 */
export function retryDelay({ retryAfter }: ExportError, attempt: number, random: number): number {
  const delay = Math.min(MAX_DELAY, FIRST_DELAY * GROWTH ** (attempt - 1))
  const backoff = delay * (1 - JITTER + 2 * JITTER * random)
  return Math.min(MAX_TIMER, Math.max(backoff, retryAfter ?? 0))
}
