/** Chooses processes by their arguments, as kubevirt-metrics-collector does. */
import { compileWhole, type WholeMatch } from '../../lib/re2.ts'

export interface Target {
  /** For people; it reaches no metric. */
  readonly name: string
  /** A pattern for each argument, in the language of Go's path/filepath.Match. */
  readonly argv: readonly string[]
}

/** A malformed pattern. */
export class PatternError extends Error {
  override name = 'PatternError'
}

/** Whether a target's patterns, as far as there are arguments for them, match one by one. */
export type ArgvMatcher = (argv: readonly string[]) => boolean

/**
 * A process with fewer arguments than a target has patterns matches by those it has; one without any, such as a kernel
 * thread, never does.
 *
 * @throws PatternError for a malformed pattern.
 */
export function compileTargets(targets: readonly Target[]): ArgvMatcher {
  const compiled = targets.map(({ argv }) => argv.map(compilePattern))
  return (given) => {
    const argv = given.filter((argument) => argument !== '')
    const matches = (patterns: readonly WholeMatch[]) =>
      patterns.slice(0, argv.length).every((pattern, index) => pattern.test(argv[index]))
    return argv.length > 0 && compiled.some(matches)
  }
}

/**
 * `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, a backslash takes the next character as it is.
 *
 * @throws PatternError when a class or an escape has no end, or a class ends before it begins.
 */
export function compilePattern(pattern: string): WholeMatch {
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

/** @param start where the bracket stands. */
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
