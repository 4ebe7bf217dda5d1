/**
 * Unsigned 64-bit kernel counters: a `number` as long as a double is exact, a `bigint` beyond.
 *
 * Almost every value the kernel prints is below 2^53, where numbers are both exact and fast.
 */

/** A non-negative integer below 2^64, never a rounded one. */
export type U64 = number | bigint

/** `current - previous`, exact; 0 when the counter went backwards: counters never decrease. */
export function increase(previous: U64, current: U64): U64 {
  if (typeof previous === 'number' && typeof current === 'number') {
    return current > previous ? current - previous : 0
  }
  return current > previous ? narrow(BigInt(current) - BigInt(previous)) : 0
}

/** `a + b`, exact. */
export function add(a: U64, b: U64): U64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (sum <= Number.MAX_SAFE_INTEGER) return sum
  }
  return narrow(BigInt(a) + BigInt(b))
}

/** A bigint as a number where that loses nothing. */
export function narrow(value: bigint): U64 {
  return value <= MAX_SAFE ? Number(value) : value
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)
