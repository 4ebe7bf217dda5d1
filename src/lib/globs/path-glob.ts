/**
 * The agent's own dialect of patterns for paths and names, which docs/configuration.md describes.
 *
 * `*` stands for any characters but a slash, `?` for one character that is no slash, `**` for any characters, and a whole
 * segment `**` of a path for any number of segments, also for none. Every other character stands for itself.
 */
import { compileWhole, type WholeMatch } from '../re2.ts'

/** Compiles a pattern. It has to match a text from beginning to end, and does so in linear time. Every text is a pattern. */
export function compilePathGlob(glob: string): WholeMatch {
  const source = glob.replace(
    TOKEN,
    (token) => EXPRESSIONS.get(token) ?? token.replace(SPECIAL, '\\$&'),
  )
  return compileWhole(source)
}

/**
 * Whether a pattern has signs that other dialects know and this one takes literally: classes in brackets, alternatives in
 * braces, and groups such as `!(a)`.
 */
export function hasForeignSyntax(glob: string): boolean {
  return /[[\]{}]|[!@+?*]\(/.test(glob)
}

const TOKEN = /(?<=^|\/)\*\*\/|\*\*|[*?]|[^*?]+/g
const SPECIAL = /[\\^$.+()[\]{}|]/g
const EXPRESSIONS = new Map([
  ['**/', '(?:.*/)?'],
  ['**', '.*'],
  ['*', '[^/]*'],
  ['?', '[^/]'],
])
