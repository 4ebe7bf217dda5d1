/**
 * Regular expressions in Go's syntax, searched in linear time: any user can start processes with names and arguments that
 * would make a backtracking search slow.
 */
import { RE2JS } from 're2js'

/** A compiled regular expression with groups. */
export interface Pattern {
  /** Names of the groups, by number; '' for the whole match (0) and for groups without a name. */
  readonly names: readonly string[]
  /** What the groups of the first match captured, by number; undefined when there is no match. */
  find(text: string): readonly string[] | undefined
}

/** A compiled expression that has to match a whole text. */
export interface WholeMatch {
  test(text: string): boolean
}

/**
 * Compiles an expression that has to match a text from beginning to end; a dot also matches a newline.
 *
 * @throws Error that says what is wrong with the expression.
 */
export function compileWhole(source: string): WholeMatch {
  const regex = RE2JS.compile(source, RE2JS.DOTALL)
  return { test: (text) => regex.testExact(text) }
}

/**
 * Compiles an expression that is searched for in texts.
 *
 * @throws Error that says what is wrong with the expression.
 */
export function compilePattern(source: string): Pattern {
  const { unique, originals } = withUniqueNames(source)
  const regex = RE2JS.compile(unique)
  const names = new Array<string>(regex.groupCount() + 1).fill('')
  for (const [name, group] of Object.entries(regex.namedGroups())) {
    names[group] = originals.get(name) ?? name
  }
  return {
    names,
    find(text) {
      const matcher = regex.matcher(text)
      if (!matcher.find()) return undefined
      // A group that took no part in the match counts as empty.
      return names.map((_, group) => matcher.group(group) ?? '')
    },
  }
}

/** `(?P<name>`, or something in which that would not start a group: quoted text, an escape, a class. */
const GROUP_NAME =
  /\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|(?<open>\(\?P?<)(?<name>\w+)>/gs

/** Go lets several groups have the same name, re2js doesn't: here each gets a name of its own. */
function withUniqueNames(source: string): { unique: string; originals: Map<string, string> } {
  const originals = new Map<string, string>()
  const unique = source.replace(GROUP_NAME, (whole, ...rest) => {
    const { open, name } = rest.at(-1)
    if (name === undefined) return whole
    originals.set(`group${originals.size}`, name)
    return `${open}group${originals.size - 1}>`
  })
  const isUnique = new Set(originals.values()).size === originals.size
  return isUnique ? { unique: source, originals: new Map() } : { unique, originals }
}
