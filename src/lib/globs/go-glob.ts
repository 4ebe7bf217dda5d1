/** Patterns in the language of Go's path/filepath.Match, as programs that are replaced here have them. */
import { compileWhole, type WholeMatch } from '../re2.ts'

/** A malformed pattern; the message quotes it. */
export class PatternError extends Error {
  override name = 'PatternError'
}

/**
 * Compiles a pattern. It has to match a text from beginning to end, and does so in linear time. `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, a backslash takes the next character as it is.
 *
 * @throws PatternError when a class or an escape has no end, or a class ends before it begins.
 */
export function compileGoGlob(pattern: string): WholeMatch {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]
    if (character === '*') source += '[^/]*'
    else if (character === '?') source += '[^/]'
    else if (character === '[') {
      const { text, end } = compileClass(pattern, at)
      source += text
      at = end
    } else {
      if (character === '\\') at++
      if (at === pattern.length)
        throw new PatternError(`${JSON.stringify(pattern)} ends in a backslash`)
      source += quote(pattern[at])
    }
  }
  try {
    return compileWhole(source)
  } catch (error) {
    throw new PatternError(`${JSON.stringify(pattern)}: ${(error as Error).message}`)
  }
}

/** @param start position of the bracket. */
function compileClass(pattern: string, start: number): { text: string; end: number } {
  let at = start + 1
  const isNegated = pattern[at] === '^'
  if (isNegated) at++
  let text = ''
  const first = at
  for (; at < pattern.length; at++) {
    const character = pattern[at]
    if (character === ']' && at > first) {
      return { text: `[${isNegated ? '^' : ''}${text}]`, end: at }
    }
    if (character === '-' && at > first) text += '-'
    else {
      if (character === '\\') at++
      text += quote(pattern[at] ?? '')
    }
  }
  throw new PatternError(`${JSON.stringify(pattern)} has a class without an end`)
}

function quote(character: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(character) ? `\\${character}` : character
}
