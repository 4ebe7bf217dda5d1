/** Values in templates, and how Go's fmt prints them. */

/** A value with methods, such as a time. */
export interface GoObject {
  /** The value of a method or field; undefined when there is none of the name. */
  get(name: string, args: readonly Value[]): Value | undefined
  toString(): string
}

export type Value =
  | string
  | number
  | boolean
  | readonly string[]
  | ReadonlyMap<string, string>
  | GoObject
  /** A key that a map doesn't have, and nil. */
  | undefined

/** An error while a template is executed: the output ends there. */
export class ExecutionError extends Error {
  override name = 'ExecutionError'
}

export function isMap(value: Value): value is ReadonlyMap<string, string> {
  return value instanceof Map
}

export function isList(value: Value): value is readonly string[] {
  return Array.isArray(value)
}

/** A map's entries in the order of the bytes of their keys, as Go goes through them. */
export function sortedEntries(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** What `{{value}}` prints. */
export function printValue(value: Value): string {
  if (value === undefined) return '<no value>'
  if (isList(value)) return `[${value.join(' ')}]`
  if (!isMap(value)) return String(value)
  return `map[${sortedEntries(value)
    .map(([key, entry]) => `${key}:${entry}`)
    .join(' ')}]`
}

/** Whether `if` takes a value for true: everything but zero and what is empty. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0
  if (isMap(value)) return value.size > 0
  return value !== undefined && value !== '' && value !== 0 && value !== false
}

/** The name of Go's type, for messages and comparisons. */
export function typeName(value: Value): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (isList(value)) return '[]string'
  if (isMap(value)) return 'map[string]string'
  return value === undefined ? '<nil>' : 'time.Time'
}
