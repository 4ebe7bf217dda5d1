/** Formats of settings: what is allowed, how text becomes a value, how a value is checked. */
import { resolve } from 'node:path'
import { hasForeignSyntax } from '../globs/path-glob.ts'

/** A format of convict's, which is a function that throws for what is not allowed, and more. */
export interface Format<T> {
  /** @throws Error when the value is not allowed. */
  (value: unknown): void
  /** What is allowed, to complete "must be …". */
  readonly allowed: string
  /** A value from a variable or flag; undefined when the text is none. */
  parse(text: string): T | undefined
  /** A value from a file; undefined when it isn't allowed. */
  check(value: unknown): T | undefined
  /** A value as people write it; without it as JSON has it. */
  show?(value: T): string
}

/**
 * Makes a format of convict from its parts.
 *
 * @param parts what is to be known of the format, without the function.
 */
export function format<T>(
  parts: Pick<Format<T>, 'allowed' | 'parse' | 'check' | 'show'>,
): Format<T> {
  const validate = (value: unknown) => {
    // A setting without a default has no value until it is given one.
    if (value !== undefined && parts.check(value) === undefined) {
      throw new Error(`must be ${parts.allowed}`)
    }
  }
  return Object.assign(validate, parts)
}

/** `true` or `false`. */
export const BOOLEAN: Format<boolean> = format({
  allowed: 'true or false',
  parse: (text) => BOOLEAN_WORDS.get(text),
  check: (value) => (typeof value === 'boolean' ? value : undefined),
})

/** The words that Go's flag package takes. */
const BOOLEAN_WORDS = new Map(
  ['1', 't', 'T', 'true', 'TRUE', 'True']
    .map((word): [string, boolean] => [word, true])
    .concat(['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false])),
)

/** A choice that may be left to the agent. */
export const BOOLEAN_OR_AUTO: Format<boolean | 'auto'> = format({
  allowed: 'true, false or auto',
  parse: (text) => (text === 'auto' ? text : BOOLEAN.parse(text)),
  check: (value) => (value === 'auto' ? value : BOOLEAN.check(value)),
  show: String,
})

/** Any text. */
export const TEXT: Format<string> = textLike('a text', () => true)

/** A pattern of paths or names that hold no brackets and braces, so that patterns of another dialect are refused. */
export const PATTERN: Format<string> = textLike(
  'a pattern of *, ? and **, without brackets and braces',
  (text) => !hasForeignSyntax(text),
)

/** The path of a directory, absolute and without a slash at its end. */
export const DIRECTORY: Format<string> = format({
  allowed: 'the path of a directory',
  parse: (text) => (text === '' ? undefined : resolve(text)),
  check: (value) => (typeof value === 'string' ? DIRECTORY.parse(value) : undefined),
})

/** Text of a certain form. */
export function textLike(allowed: string, isAllowed: (text: string) => boolean): Format<string> {
  const check = (value: unknown) =>
    typeof value === 'string' && isAllowed(value) ? value : undefined
  return format({ allowed, parse: check, check })
}

/** One of some words. */
export function oneOf<const T extends string>(...words: readonly T[]): Format<T> {
  const check = (value: unknown) => words.find((word) => word === value)
  return format({ allowed: words.join(', '), parse: check, check })
}

/** A format whose values may be written in any case in variables and flags, as OpenTelemetry's specification has it. */
export function inAnyCase<T>({ allowed, check, parse }: Format<T>): Format<T> {
  return format({ allowed, check, parse: (text) => parse(text.trim().toLowerCase()) })
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number): Format<number> {
  const check = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? (value as number)
      : undefined
  return format({
    allowed: `an integer from ${least} to ${most}`,
    parse: (text) => (/^[+-]?\d+$/.test(text) ? check(Number(text)) : undefined),
    check,
  })
}

/** A duration in milliseconds, written as in Go (`1m30s`, `300ms`) or as a number of milliseconds. */
export function duration(least: number, most: number): Format<number> {
  const range = `from ${formatDuration(least)} to ${formatDuration(most)}`
  const allowed = `a duration ${range}, such as 500ms, 10s or 1m30s`
  return quantity(allowed, parseDuration, formatDuration, least, most)
}

/** A size in bytes, as a number or with a unit: `3MiB`, `64KiB`. */
export function size(least: number, most: number): Format<number> {
  const range = `from ${formatSize(least)} to ${formatSize(most)}`
  return quantity(`a size ${range}, such as 512KiB or 3MiB`, parseSize, formatSize, least, most)
}

/** A list, in text separated by commas; a file may give it as such a text, too. */
export function listOf<T>(item: Format<T>): Format<readonly T[]> {
  const all = (values: readonly (T | undefined)[]) => {
    const allowed = values.filter((value) => value !== undefined)
    return allowed.length === values.length ? allowed : undefined
  }
  const parse = (text: string) =>
    text === '' ? [] : all(text.split(',').map((word) => item.parse(word.trim())))
  return format({
    allowed: `a list of: ${item.allowed}`,
    parse,
    check: (value) => {
      if (Array.isArray(value)) return all(value.map((entry) => item.check(entry)))
      return typeof value === 'string' ? parse(value) : undefined
    },
  })
}

/** Keys with text values, in text as `key=value,…`, percent-encoded as W3C Baggage has it. */
export const KEY_VALUES: Format<ReadonlyMap<string, string>> = format({
  allowed: 'pairs key=value separated by commas, or a map in a file',
  parse: parsePairs,
  check: (value) => {
    if (value instanceof Map) return value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const entries = Object.entries(value)
    const isText = ([, entry]: [string, unknown]) => SCALARS.has(typeof entry)
    return entries.every(isText)
      ? new Map(entries.map(([key, entry]) => [key, String(entry)]))
      : undefined
  },
  show: (pairs) => (pairs.size === 0 ? 'none' : [...pairs].map((pair) => pair.join('=')).join(',')),
})

/** Pairs that are sent as HTTP headers or gRPC metadata. */
export const HEADERS: Format<ReadonlyMap<string, string>> = format({
  allowed:
    'pairs key=value separated by commas, or a map in a file; values of printable ASCII characters',
  parse: (text) => validHeaders(KEY_VALUES.parse(text)),
  check: (value) => validHeaders(KEY_VALUES.check(value)),
  show: (pairs) => (pairs.size === 0 ? 'none' : [...pairs.keys()].join(',')),
})

function validHeaders(
  pairs: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> | undefined {
  const isValid = ([name, value]: [string, string]) =>
    /^[\w.-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value)
  return pairs !== undefined && [...pairs].every(isValid) ? pairs : undefined
}

const SCALARS = new Set(['string', 'number', 'boolean'])

function quantity(
  allowed: string,
  read: (text: string) => number | undefined,
  show: (value: number) => string,
  least: number,
  most: number,
): Format<number> {
  const parse = (text: string) => {
    const value = read(text)
    return value !== undefined && value >= least && value <= most ? value : undefined
  }
  return format({
    allowed,
    parse,
    check: (value) =>
      typeof value === 'string' || typeof value === 'number' ? parse(String(value)) : undefined,
    show,
  })
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

function parseDuration(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  if (!/^(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let sum = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * MILLISECONDS[unit as string]
  }
  return sum
}

/** Milliseconds in the largest unit that shows them whole. */
function formatDuration(milliseconds: number): string {
  for (const unit of ['h', 'm', 's']) {
    const amount = milliseconds / MILLISECONDS[unit]
    if (amount >= 1 && Number.isInteger(amount)) return `${amount}${unit}`
  }
  return milliseconds === 0 ? '0s' : `${milliseconds}ms`
}

/** `host:port`, or `:port` and `*:port` for every address, or `[address]:port`. The host of every address is ''. */
export function parseAddress(text: string): { host: string; port: string } | undefined {
  const [, address, host = '', port] = /^(?:\[(.+)\]|([^:]*)):(\d+)$/.exec(text) ?? []
  return port === undefined ? undefined : { host: address ?? everyAddress(host), port }
}

/** The address of a server, where `*` is every address, as '' is. */
export const HOST: Format<string> = format({
  allowed: 'a host name or an address',
  parse: everyAddress,
  check: (value) => (typeof value === 'string' ? everyAddress(value) : undefined),
})

function everyAddress(host: string): string {
  return host === '*' ? '' : host
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

function parseSize(text: string): number | undefined {
  const match = /^(\d+) ?(|B|KiB|MiB|GiB)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * BYTES[match[2]]
}

function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB']) {
    const amount = bytes / BYTES[unit]
    if (amount >= 1 && Number.isInteger(amount)) return `${amount}${unit}`
  }
  return String(bytes)
}

function parsePairs(text: string): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>()
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue
    const at = pair.indexOf('=')
    if (at <= 0) return undefined
    try {
      pairs.set(decodePart(pair.slice(0, at)), decodePart(pair.slice(at + 1)))
    } catch {
      return undefined
    }
  }
  return pairs
}

function decodePart(text: string): string {
  return decodeURIComponent(text.trim())
}
