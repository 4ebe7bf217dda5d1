/** Randomness that can be had again: the same seed gives the same numbers. */

/** Numbers from 0 to 1 that a seed determines (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Choices that a seed determines. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = generator(seed)
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1))
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)]
  }

  list<T>(least: number, most: number, item: () => T): T[] {
    return Array.from({ length: this.integer(least, most) }, item)
  }
}
