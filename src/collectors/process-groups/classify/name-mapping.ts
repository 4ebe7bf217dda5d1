/**
 * Rules without a file, as process-exporter's flags `-procnames` and `-namemapping` give them: names of
 * programs, and for some of them a regular expression that finds a finer name in the command line.
 */

import { compilePattern, type Pattern } from '../../../lib/re2.ts'
import { assignment } from './assignment.ts'
import type { ProcessFacts } from './facts.ts'
import type { Rules } from './matcher.ts'
import { RuleError } from './rule-error.ts'

/**
 * Compiles the rules of process-exporter's flags `-procnames` and `-namemapping`.
 *
 * @param names program names (`comm`), separated by commas.
 * @param mapping names and regular expressions in turn, separated by commas. A name that is mapped belongs
 *   to the group `name:capture`, by the first group that captures something, or else to none.
 * @throws RuleError
 */
export function nameMappingRules(names: string, mapping: string): Rules {
  const wanted = new Set(names.split(',').filter((name) => name !== ''))
  const patterns = parseMapping(mapping)
  const match = ({ comm, argv }: ProcessFacts) => {
    const pattern = patterns.get(comm)
    if (pattern === undefined) return wanted.has(comm) ? assignment(comm) : undefined
    const groups = pattern.find(argv.join(' '))?.slice(1)
    const capture = groups?.find((group) => group !== '')
    return capture === undefined ? undefined : assignment(`${comm}:${capture}`)
  }
  return {
    match,
    unknownFields: [],
    constants: [...wanted].filter((name) => !patterns.has(name)).map((name) => assignment(name)),
    explain: (facts) => [
      {
        rule: 'procnames and namemapping',
        conditions: [
          {
            text: `comm ${JSON.stringify([...new Set([...wanted, ...patterns.keys()])])}`,
            holds: wanted.has(facts.comm) || patterns.has(facts.comm),
            actual: facts.comm,
          },
        ],
        match: match(facts),
      },
    ],
  }
}

function parseMapping(mapping: string): Map<string, Pattern> {
  const patterns = new Map<string, Pattern>()
  if (mapping === '') return patterns
  const parts = mapping.split(',')
  const empty = parts.indexOf('')
  if (empty >= 0) throw mappingError(`part ${empty + 1} is empty`)
  if (parts.length % 2 !== 0)
    throw mappingError(`${parts[parts.length - 1]} has no regular expression`)
  for (let index = 0; index < parts.length; index += 2) {
    const [name, source] = [parts[index], parts[index + 1]]
    try {
      patterns.set(name, compilePattern(source))
    } catch (error) {
      throw mappingError(`${JSON.stringify(source)}: ${(error as Error).message}`)
    }
  }
  return patterns
}

function mappingError(reason: string): RuleError {
  return new RuleError([{ message: `namemapping must be name,regex,name,regex,…: ${reason}` }])
}
