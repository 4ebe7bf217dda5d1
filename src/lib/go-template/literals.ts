/** The literals of templates, as the Go specification writes them. */
import type { Int } from './values.ts'

/** One part of a quoted text: an escape, or what stands for itself. */
const QUOTED_PART =
  /\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})|\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|\\([abfnrtv\\"'])|[^\\]+/y

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** The meaning of `"…"`, `'…'` or a raw text in backquotes; undefined when it has none. */
export function unquote(literal: string): string | undefined {
  const quote = literal[0]
  const text = literal.slice(1, -1)
  if (quote === '`') return text.replaceAll('\r', '')
  // Octal and hexadecimal escapes are bytes: several of them may make one character.
  const bytes: Buffer[] = []
  for (let at = 0; at < text.length; at = QUOTED_PART.lastIndex) {
    QUOTED_PART.lastIndex = at
    const match = QUOTED_PART.exec(text)
    if (match === null) return undefined
    const [plain, hex, octal, short, long, simple] = match
    const codePoint = short ?? long
    if (hex !== undefined) bytes.push(Buffer.from(hex, 'hex'))
    else if (octal !== undefined) bytes.push(Buffer.of(Number.parseInt(octal, 8)))
    else if (codePoint !== undefined) {
      const code = Number.parseInt(codePoint, 16)
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined
      bytes.push(Buffer.from(String.fromCodePoint(code)))
    } else if (simple !== undefined) {
      if ((simple === '"' || simple === "'") && simple !== quote) return undefined
      bytes.push(Buffer.from(SIMPLE_ESCAPES[simple] ?? simple))
    } else bytes.push(Buffer.from(plain))
  }
  return Buffer.concat(bytes).toString()
}

/** The number of the character in `'…'`; undefined when it isn't one character. */
export function parseCharacter(literal: string): Int | undefined {
  const characters = [...(unquote(literal) ?? '')]
  return characters.length === 1 ? BigInt(characters[0].codePointAt(0) as number) : undefined
}

const INTEGER = /^([+-]?)(0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[1-9][\d_]*|0)$/
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const LEGACY_OCTAL = /^0[0-7]/
const MIN_INT = -(2n ** 63n)
const GREATEST_INT = 2n ** 63n - 1n

/** An integer, or a float when it is written as one; undefined when it is neither or too large. */
export function parseNumber(literal: string): Int | number | undefined {
  const [, sign, digits] = INTEGER.exec(literal) ?? []
  if (digits !== undefined) {
    if (/__|_$/.test(digits)) return undefined
    const plain = digits.replaceAll('_', '')
    const size = BigInt(LEGACY_OCTAL.test(plain) ? `0o${plain.slice(1)}` : plain)
    const value = sign === '-' ? -size : size
    return value >= MIN_INT && value <= GREATEST_INT ? value : undefined
  }
  // Digits alone that are no integer, such as 08, are no float either.
  if (!FLOAT.test(literal) || !/[.eE]/.test(literal)) return undefined
  const value = Number(literal)
  return Number.isFinite(value) ? value : undefined
}
