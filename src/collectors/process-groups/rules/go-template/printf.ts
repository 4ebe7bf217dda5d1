/** Go's Printf, for the verbs that name templates use: `%v %s %q %d %x %t %f %%`, with flags, width and precision. */
import { printValue, typeName, type Value } from './values.ts'

const VERB = /%([-+ 0#]*)(\d+)?(?:\.(\d*))?([a-zA-Z%])/g

export function printf(format: string, args: readonly Value[]): string {
  let next = 0
  const output = format.replace(
    VERB,
    (_, flags: string, width: string, precision: string, verb: string) => {
      if (verb === '%') return '%'
      if (next >= args.length) return `%!${verb}(MISSING)`
      const formatted = formatVerb(verb, args[next++], flags, precision)
      return pad(formatted, Number(width ?? 0), flags)
    },
  )
  if (next >= args.length) return output
  const extra = args.slice(next).map((arg) => `${typeName(arg)}=${printValue(arg)}`)
  return `${output}%!(EXTRA ${extra.join(', ')})`
}

function formatVerb(
  verb: string,
  value: Value,
  flags: string,
  precision: string | undefined,
): string {
  const limit = precision === undefined ? undefined : Number(precision)
  const isNumber = typeof value === 'number'
  if (verb === 'v') return isNumber ? signed(value, flags) : printValue(value)
  if (verb === 's' && typeof value === 'string') return [...value].slice(0, limit).join('')
  if (verb === 's' && typeof value === 'object') return printValue(value)
  if (verb === 'q' && typeof value === 'string') return JSON.stringify(value)
  if (verb === 'd' && isNumber && Number.isInteger(value)) return signed(value, flags)
  if (verb === 'x' && isNumber && Number.isInteger(value)) return value.toString(16)
  if (verb === 'x' && typeof value === 'string') return Buffer.from(value).toString('hex')
  if (verb === 'f' && isNumber && !Number.isInteger(value)) return value.toFixed(limit ?? 6)
  if (verb === 't' && typeof value === 'boolean') return String(value)
  return `%!${verb}(${typeName(value)}=${printValue(value)})`
}

function signed(value: number, flags: string): string {
  return flags.includes('+') && value >= 0 ? `+${value}` : String(value)
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes('-')) return text.padEnd(width)
  const isNumber = /^[+-]?\d/.test(text)
  return flags.includes('0') && isNumber ? text.padStart(width, '0') : text.padStart(width)
}
