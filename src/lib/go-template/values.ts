/** Values in templates, and what Go makes of them. */
import { formatFloat } from './float.ts'

/** Any of Go's integers. A `number` is one of its floats, as in `1.5`. */
export type Int = bigint

/** A value with fields or methods. */
export interface GoObject {
  /** Name of the Go type. */
  readonly type: string
  /** The number that it is by nature, as a month is; undefined for others. */
  readonly int?: Int
  /**
   * The value of a field, or of a method called with the arguments.
   * @throws ExecutionError when there is none, or it doesn't take the arguments.
   */
  get(name: string, args: readonly Value[]): Value
  /** As `{{.}}` prints it. */
  toString(): string
}

/** A value in a template. */
export type Value =
  | string
  | Int
  | number
  | boolean
  | readonly string[]
  | ReadonlyMap<string, string>
  | GoObject
  /** `nil`, and a key that a map doesn't have. */
  | undefined

/** An error while a template is executed: the output ends there. */
export class ExecutionError extends Error {
  override name = 'ExecutionError'
}

/** Whether a value is a slice. */
export function isList(value: Value): value is readonly string[] {
  return Array.isArray(value)
}

/** Whether a value is a map. */
export function isMap(value: Value): value is ReadonlyMap<string, string> {
  return value instanceof Map
}

/** Whether a value has fields or methods. */
export function isObject(value: Value): value is GoObject {
  return typeof value === 'object' && !isList(value) && !isMap(value)
}

/** A map's entries in the order of the bytes of their keys, as Go goes through them. */
export function sortedEntries(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => compareBytes(a, b))
}

/** Order of the texts' bytes in UTF-8: below 0, 0, above 0. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Whether `if` takes a value for true: everything but zero and what is empty. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0
  if (isMap(value)) return value.size > 0
  if (isObject(value)) return value.int !== 0n
  return Boolean(value)
}

/** What `{{value}}` prints. */
export function printValue(value: Value): string {
  return value === undefined ? '<no value>' : sprint(value)
}

/** What Go's fmt prints for `%v`. */
export function sprint(value: Value): string {
  if (value === undefined) return '<nil>'
  if (typeof value === 'number') return formatFloat(value, 'g')
  if (isList(value)) return `[${value.join(' ')}]`
  if (!isMap(value)) return String(value)
  return `map[${sortedEntries(value)
    .map(([key, entry]) => `${key}:${entry}`)
    .join(' ')}]`
}

/** Name of the Go type. All integers pass for `int`. */
export function typeName(value: Value): string {
  if (value === undefined) return '<nil>'
  if (isList(value)) return '[]string'
  if (isMap(value)) return 'map[string]string'
  if (isObject(value)) return value.type
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float64'
  return typeof value === 'boolean' ? 'bool' : 'string'
}
