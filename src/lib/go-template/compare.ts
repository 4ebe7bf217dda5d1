/** Comparisons as Go's text/template has them: only like with like. */
import { compareBytes, ExecutionError, isObject, typeName, type Value } from './values.ts'

/**
 * Whether two values are equal, as the function `eq` has it.
 *
 * @throws ExecutionError when both have a value, and not one of a kind.
 */
export function isEqual(left: Value, right: Value): boolean {
  const [a, b] = [basic(left), basic(right)]
  if (a === undefined || b === undefined) return a === b
  if (typeof a !== typeof b) throw incomparable(left, right)
  if (typeof a !== 'object') return a === b
  if (!isObject(a) || !isObject(b)) throw incomparable(left, right)
  return a.type === b.type && a.toString() === b.toString()
}

/**
 * Whether the left value is the lesser one, as the function `lt` has it.
 *
 * @throws ExecutionError unless both are texts, integers or floats.
 */
export function isLess(left: Value, right: Value): boolean {
  const [a, b] = [basic(left), basic(right)]
  if (typeof a === 'string' && typeof b === 'string') return compareBytes(a, b) < 0
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b
  if (typeof a === 'number' && typeof b === 'number') return a < b
  throw incomparable(left, right)
}

/** The number that an object is by nature, or the value as it is. */
function basic(value: Value): Value {
  return isObject(value) && value.int !== undefined ? value.int : value
}

function incomparable(left: Value, right: Value): ExecutionError {
  return new ExecutionError(`${typeName(left)} and ${typeName(right)} can't be compared`)
}
