/**
 * Rules without a file, as process-exporter's flags `-procnames` and `-namemapping` give them: names of
 * programs, and for some of them a regular expression that finds a finer name in the command line.
 */
import { RE2JS } from 're2js'
import type { ProcessFacts } from './facts.ts'
import type { Rules } from './matcher.ts'
import { RuleError } from './rule-error.ts'

/**
 * @param names program names (`comm`), separated by commas.
 * @param mapping names and regular expressions in turn, separated by commas. A name that is mapped belongs
 *   to the group `name:capture`, by the first group that captures something, or else to none.
 * @throws RuleError
 */
export function nameMappingRules(names: string, mapping: string): Rules {
  const wanted = new Set(names.split(',').filter((name) => name !== ''))
  const patterns = parseMapping(mapping)
  return {
    match({ comm, argv }: ProcessFacts) {
      const pattern = patterns.get(comm)
      if (pattern === undefined) return wanted.has(comm) ? comm : undefined
      const capture = firstCapture(pattern, argv.join(' '))
      return capture === undefined ? undefined : `${comm}:${capture}`
    },
  }
}

function parseMapping(mapping: string): Map<string, RE2JS> {
  const patterns = new Map<string, RE2JS>()
  if (mapping === '') return patterns
  const parts = mapping.split(',')
  const empty = parts.indexOf('')
  if (empty >= 0) throw mappingError(`part ${empty + 1} is empty`)
  if (parts.length % 2 !== 0)
    throw mappingError(`${parts[parts.length - 1]} has no regular expression`)
  for (let index = 0; index < parts.length; index += 2) {
    const [name, source] = [parts[index], parts[index + 1]]
    try {
      patterns.set(name, RE2JS.compile(source))
    } catch (error) {
      throw mappingError(`${JSON.stringify(source)}: ${(error as Error).message}`)
    }
  }
  return patterns
}

function firstCapture(pattern: RE2JS, text: string): string | undefined {
  const matcher = pattern.matcher(text)
  if (!matcher.find()) return undefined
  for (let group = 1; group <= matcher.groupCount(); group++) {
    const capture = matcher.group(group)
    if (capture !== null && capture !== '') return capture
  }
  return undefined
}

function mappingError(reason: string): RuleError {
  return new RuleError([{ message: `namemapping must be name,regex,name,regex,…: ${reason}` }])
}
