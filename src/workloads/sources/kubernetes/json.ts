/** Access to JSON of unknown shape: what is of another type than expected counts as absent. */

/** A JSON object whose members are of unknown type. */
export type JsonObject = Readonly<Record<string, unknown>>

const NOTHING: JsonObject = {}

/** The object, or one without members. */
export function object(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : NOTHING
}

/** The array, or an empty one. */
export function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The string, unless it is empty. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
