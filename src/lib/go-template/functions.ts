/** The functions of Go's text/template, without the escaping ones (`html`, `js`, `urlquery`): no name of a group needs them. */
import { isEqual, isLess } from './compare.ts'
import { sprintf } from './printf.ts'
import { ExecutionError, isList, isMap, isTrue, sprint, typeName, type Value } from './values.ts'

/** A function that templates can call. */
export interface TemplateFunction {
  /** How many arguments it takes. */
  readonly least: number
  readonly most: number
  /** Whether its value is settled by an argument: those behind it are not evaluated. */
  readonly settles?: (arg: Value) => boolean
  /** @throws ExecutionError */
  readonly call: (...args: Value[]) => Value
}

/** The functions that templates can call, by name. */
export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['and', { ...some(1, (...args) => args.at(-1)), settles: (arg) => !isTrue(arg) }],
  ['or', { ...some(1, (...args) => args.at(-1)), settles: isTrue }],
  ['not', exactly(1, (arg) => !isTrue(arg))],
  ['eq', some(2, (first, ...others) => others.some((other) => isEqual(first, other)))],
  ['ne', exactly(2, (a, b) => !isEqual(a, b))],
  ['lt', exactly(2, isLess)],
  ['le', exactly(2, (a, b) => isLess(a, b) || isEqual(a, b))],
  ['gt', exactly(2, (a, b) => !isLess(a, b) && !isEqual(a, b))],
  ['ge', exactly(2, (a, b) => !isLess(a, b))],
  ['len', exactly(1, (value) => BigInt(length(value)))],
  ['index', some(1, index)],
  ['slice', some(1, slice)],
  ['print', some(0, (...args) => spaced(args))],
  ['println', some(0, (...args) => `${args.map(sprint).join(' ')}\n`)],
  ['printf', some(1, (format, ...args) => sprintf(text(format), args))],
])

function exactly(count: number, call: TemplateFunction['call']): TemplateFunction {
  return { least: count, most: count, call }
}

function some(least: number, call: TemplateFunction['call']): TemplateFunction {
  return { least, most: Number.POSITIVE_INFINITY, call }
}

/** Of a text, the bytes count. */
function length(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isList(value)) return value.length
  if (isMap(value)) return value.size
  throw new ExecutionError(`${typeName(value)} has no length`)
}

function index(collection: Value, ...keys: Value[]): Value {
  if (collection === undefined) throw new ExecutionError('there is nothing to index')
  return keys.reduce((value, key) => {
    if (isMap(value)) return value.get(text(key)) ?? ''
    const position = bound(key, length(value) - 1)
    return isList(value) ? value[position] : BigInt(Buffer.from(text(value))[position])
  }, collection)
}

function slice(value: Value, ...bounds: Value[]): Value {
  if (isMap(value)) throw new ExecutionError('a map has no slices')
  const size = length(value)
  const [from = 0, to = size, capacity = size] = bounds.map((key) => bound(key, size))
  if (bounds.length > (isList(value) ? 3 : 2)) throw new ExecutionError('too many bounds')
  if (from > to || to > capacity) throw new ExecutionError('a slice ends before it begins')
  if (isList(value)) return value.slice(from, to)
  return Buffer.from(text(value)).subarray(from, to).toString()
}

function bound(value: Value, most: number): number {
  if (typeof value === 'bigint' && value >= 0n && value <= most) return Number(value)
  throw new ExecutionError(`index ${sprint(value)} is out of range`)
}

/** Like Go's Sprint: a space between two operands of which neither is a text. */
function spaced(args: readonly Value[]): string {
  return args.reduce<string>((line, arg, position) => {
    const isApart =
      position > 0 && typeof arg !== 'string' && typeof args[position - 1] !== 'string'
    return line + (isApart ? ' ' : '') + sprint(arg)
  }, '')
}

function text(value: Value): string {
  if (typeof value === 'string') return value
  throw new ExecutionError(`${typeName(value)} is no text`)
}
