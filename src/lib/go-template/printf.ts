/**
 * Go's fmt.Sprintf: the verbs `%v %s %q %d %x %X %o %O %b %c %U %t %e %f %g %T %%` with flags, width and
 * precision. There are no indexes of arguments (`%[1]d`) and no Go syntax (`%#v`).
 */
import { formatFloat } from './float.ts'
import { quote, quoteCharacter } from './quote.ts'
import {
  type Int,
  isList,
  isMap,
  isObject,
  sortedEntries,
  sprint,
  typeName,
  type Value,
} from './values.ts'

/** How an argument is to be printed. */
interface Directive {
  readonly verb: string
  /** Of `-+# 0`. */
  readonly flags: string
  readonly width: number
  readonly precision: number | undefined
}

const DIRECTIVE = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.|$)/gsu

/** Greater widths and precisions are not obeyed. */
const MOST = 100

/** A text formatted as Go's fmt.Sprintf formats it. Mistakes are shown in the text, as Go does: `%!d(string=a)`. */
export function sprintf(format: string, args: readonly Value[]): string {
  let used = 0
  const size = (text: string | undefined): number => {
    const value = text === '*' ? args[used++] : (text ?? 0)
    return Math.min(Number(value), MOST) || 0
  }
  const print = (_: string, flags: string, width: string, precision: string, verb: string) => {
    const directive = {
      verb,
      flags,
      width: size(width),
      precision: precision === undefined ? undefined : size(precision),
    }
    if (verb === '') return '%!(NOVERB)'
    if (verb === '%') return '%'
    return used < args.length ? formatValue(args[used++], directive) : `%!${verb}(MISSING)`
  }
  const output = format.replace(DIRECTIVE, print)
  if (used >= args.length) return output
  return `${output}%!(EXTRA ${args.slice(used).map(describe).join(', ')})`
}

function describe(value: Value): string {
  return value === undefined ? '<nil>' : `${typeName(value)}=${sprint(value)}`
}

function formatValue(value: Value, directive: Directive): string {
  if (directive.verb === 'T') return pad(typeName(value), directive)
  if (isList(value)) {
    return `[${value.map((element) => formatValue(element, directive)).join(' ')}]`
  }
  if (isMap(value)) {
    const entries = sortedEntries(value).map((entry) =>
      entry.map((part) => formatValue(part, directive)).join(':'),
    )
    return `map[${entries.join(' ')}]`
  }
  const text = formatScalar(value, directive)
  if (text !== undefined) return pad(text, directive, typeof value === 'bigint' ? ' ' : '0')
  if (value === undefined) return `%!${directive.verb}(<nil>)`
  return `%!${directive.verb}(${typeName(value)}=${formatValue(value, { ...directive, verb: 'v' })})`
}

/** @returns undefined when the verb is not for values of the kind. */
function formatScalar(value: Value, directive: Directive): string | undefined {
  if (typeof value === 'bigint') return formatInt(value, directive)
  if (typeof value === 'number') return formatNumber(value, directive)
  if (typeof value === 'string') return formatText(value, directive)
  const { verb } = directive
  if (isObject(value)) {
    const text = formatText(value.toString(), directive)
    return text ?? (value.int === undefined ? undefined : formatInt(value.int, directive))
  }
  return verb === 'v' || (verb === 't' && value !== undefined) ? sprint(value) : undefined
}

function formatText(value: string, { verb, flags, precision }: Directive): string | undefined {
  const start = [...value].slice(0, precision).join('')
  switch (verb) {
    case 'v':
    case 's':
      return start
    case 'q':
      return quote(start)
    case 'x':
    case 'X': {
      const bytes = [...Buffer.from(value).subarray(0, precision)]
      const digits = bytes.map((byte) => byte.toString(16).padStart(2, '0'))
      const prefix = flags.includes('#') ? '0x' : ''
      const hex = flags.includes(' ')
        ? digits.map((pair) => prefix + pair).join(' ')
        : prefix + digits.join('')
      return verb === 'X' ? hex.toUpperCase() : hex
    }
    default:
      return undefined
  }
}

/** The base and the prefix that `#` asks for. */
const INT_VERBS: Readonly<Record<string, [base: number, prefix: string]>> = {
  v: [10, ''],
  d: [10, ''],
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
}

function formatInt(value: Int, { verb, flags, width, precision }: Directive): string | undefined {
  if (verb === 'c') return character(value)
  if (verb === 'q') return quoteCharacter(character(value))
  if (verb === 'U') return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`
  if (!(verb in INT_VERBS)) return undefined
  const [base, prefix] = INT_VERBS[verb]
  const size = (value < 0n ? -value : value).toString(base)
  const digits = (verb === 'X' ? size.toUpperCase() : size).padStart(precision ?? 0, '0')
  const before = sign(value < 0n, flags) + (flags.includes('#') || verb === 'O' ? prefix : '')
  // Zeros that fill the width belong behind the sign; a precision leaves no room for them.
  const fillsWithZeros = flags.includes('0') && !flags.includes('-') && precision === undefined
  return before + (fillsWithZeros ? digits.padStart(width - before.length, '0') : digits)
}

function formatNumber(value: number, { verb, flags, width, precision }: Directive) {
  const style = verb === 'v' ? 'g' : verb.toLowerCase()
  if (style !== 'e' && style !== 'f' && style !== 'g') return undefined
  const digits = precision ?? (style === 'g' ? undefined : 6)
  const text = formatFloat(Math.abs(value), style, digits)
  const before = sign(value < 0 || Object.is(value, -0), flags)
  const fill = flags.includes('0') && !flags.includes('-') ? width - before.length : 0
  const padded = before + text.padStart(fill, '0')
  return verb === style || verb === 'v' ? padded : padded.toUpperCase()
}

function sign(isNegative: boolean, flags: string): string {
  if (isNegative) return '-'
  if (flags.includes('+')) return '+'
  return flags.includes(' ') ? ' ' : ''
}

function character(value: Int): string {
  const isValid = value >= 0n && value <= 0x10ffffn && (value < 0xd800n || value > 0xdfffn)
  return isValid ? String.fromCodePoint(Number(value)) : '\ufffd'
}

/** @param filler what `0` among the flags fills the width with. */
function pad(text: string, { flags, width }: Directive, filler: ' ' | '0' = '0'): string {
  const missing = Math.max(width - [...text].length, 0)
  if (flags.includes('-')) return text + ' '.repeat(missing)
  return (flags.includes('0') ? filler : ' ').repeat(missing) + text
}
