/** Ends what was begun, in the reverse order. */

/** Ends one thing. @param remaining gives the milliseconds that are left for all of it. */
export type Ending = (remaining: () => number) => unknown

/** A stack of endings: a start pushes one for each thing that it has begun. */
export class Cleanup {
  readonly #endings: Ending[] = []

  /** To be called as soon as something has begun. */
  add(end: Ending): void {
    this.#endings.push(end)
  }

  /**
   * Ends everything, the last begun first, one after the other. What fails does not keep the rest from being ended.
   *
   * @param milliseconds for all of it, as far as it can be told to hurry.
   * @throws AggregateError of what failed.
   */
  async run(milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds
    const remaining = () => Math.max(0, deadline - performance.now())
    const errors: unknown[] = []
    for (let end = this.#endings.pop(); end !== undefined; end = this.#endings.pop()) {
      try {
        await end(remaining)
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('; '))
  }
}
