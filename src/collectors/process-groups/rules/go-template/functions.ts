/** The functions of Go's text/template. */
import { printf } from './printf.ts'
import {
  ExecutionError,
  isList,
  isMap,
  isTrue,
  printValue,
  typeName,
  type Value,
} from './values.ts'

export type TemplateFunction = (...args: Value[]) => Value

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['and', (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1)],
  ['or', (...args) => args.find(isTrue) ?? args.at(-1)],
  ['not', (arg) => !isTrue(arg)],
  ['eq', (first, ...others) => others.some((other) => compare(first, other) === 0)],
  ['ne', (a, b) => compare(a, b) !== 0],
  ['lt', (a, b) => compare(a, b) < 0],
  ['le', (a, b) => compare(a, b) <= 0],
  ['gt', (a, b) => compare(a, b) > 0],
  ['ge', (a, b) => compare(a, b) >= 0],
  ['len', length],
  ['index', (collection, ...keys) => keys.reduce(element, collection)],
  ['slice', slice],
  ['print', print],
  ['println', (...args) => `${args.map(printValue).join(' ')}\n`],
  ['printf', (format, ...args) => printf(text(format), args)],
  ['html', (...args) => replaceSpecial(print(...args), HTML, /[\0"'&<>]/g)],
  ['js', (...args) => replaceSpecial(print(...args), JAVASCRIPT, /["'\\<>&=\u0000-\u001f]/g)],
  ['urlquery', (...args) => queryEscape(print(...args))],
])

function compare(a: Value, b: Value): number {
  if (typeof a !== typeof b || !['string', 'number', 'boolean'].includes(typeof a)) {
    throw new ExecutionError(`${typeName(a)} and ${typeName(b)} can't be compared`)
  }
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  return Number(a) - Number(b)
}

function length(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isList(value)) return value.length
  if (isMap(value)) return value.size
  throw new ExecutionError(`${typeName(value)} has no length`)
}

function element(collection: Value, key: Value): Value {
  if (isMap(collection)) return collection.get(text(key)) ?? ''
  if (isList(collection)) return collection[checkedIndex(key, collection.length - 1)]
  const bytes = Buffer.from(text(collection))
  return bytes[checkedIndex(key, bytes.length - 1)]
}

function slice(value: Value, ...bounds: Value[]): Value {
  const size = length(value)
  const from = bounds.length > 0 ? checkedIndex(bounds[0], size) : 0
  const to = bounds.length > 1 ? checkedIndex(bounds[1], size) : size
  if (from > to) throw new ExecutionError('a slice ends before it begins')
  if (isList(value)) return value.slice(from, to)
  return Buffer.from(text(value)).subarray(from, to).toString()
}

function checkedIndex(index: Value, most: number): number {
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= most)
    return index
  throw new ExecutionError(`index ${printValue(index)} is out of range`)
}

/** Like Go's Sprint: a space between two operands of which neither is a string. */
function print(...args: Value[]): string {
  return args.reduce<string>((line, arg, position) => {
    const needsSpace =
      position > 0 && typeof arg !== 'string' && typeof args[position - 1] !== 'string'
    return line + (needsSpace ? ' ' : '') + printValue(arg)
  }, '')
}

function text(value: Value): string {
  if (typeof value === 'string') return value
  throw new ExecutionError(`${typeName(value)} is no string`)
}

const HTML: Readonly<Record<string, string>> = {
  '\0': '\uFFFD',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
}
const JAVASCRIPT: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '"': '\\"' }

function replaceSpecial(
  value: string,
  replacements: Readonly<Record<string, string>>,
  special: RegExp,
): string {
  return value.replace(special, (character) => replacements[character] ?? unicodeEscape(character))
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}

function queryEscape(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
