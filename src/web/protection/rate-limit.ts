/** A token bucket: so many requests at once, and then one in each interval. */

/** The limit of a token bucket. */
export interface RateLimit {
  /** Milliseconds in which one more request may come. */
  readonly interval: number
  /** Requests that may come at once after a pause. */
  readonly burst: number
}

/** A token bucket; its limit may change at any request. */
export class TokenBucket {
  #limit: RateLimit | undefined
  #tokens = 0
  #filled = 0

  /**
   * Takes a token; false when there is none.
   *
   * @param limit undefined for none; with another limit than before, the bucket is full again.
   * @param now milliseconds of any clock that doesn't go back.
   */
  take(limit: RateLimit | undefined, now: number): boolean {
    if (limit === undefined) return true
    const isSame = limit.interval === this.#limit?.interval && limit.burst === this.#limit.burst
    this.#tokens = isSame
      ? Math.min(limit.burst, this.#tokens + (now - this.#filled) / limit.interval)
      : limit.burst
    this.#limit = limit
    this.#filled = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
