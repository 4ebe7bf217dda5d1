/** Templates of group names: Go's text/template over what is known of a process. */
import type { ProcessFacts } from './facts.ts'
import { baseName } from './facts.ts'
import { GoTime } from './go-template/go-time.ts'
import { compileTemplate } from './go-template/template.ts'
import { ExecutionError, type Value } from './go-template/values.ts'

/** What the regular expressions of a rule captured, by group name; '' for groups without one. */
export type Matches = ReadonlyMap<string, string>

export type NameTemplate = (facts: ProcessFacts, matches: Matches) => string

type Field = (facts: ProcessFacts, matches: Matches) => Value

const FIELDS = new Map<string, Field>([
  ['Comm', ({ comm }) => comm],
  ['ExeBase', ({ argv, comm }) => (argv[0] === undefined ? comm : baseName(argv[0]))],
  ['ExeFull', ({ argv, comm }) => argv[0] ?? comm],
  ['Program', ({ program }) => program()],
  ['Username', ({ username }) => username()],
  ['PID', ({ pid }) => pid],
  ['StartTime', ({ startTime }) => new GoTime(startTime)],
  ['Cgroups', ({ cgroups }) => cgroups()],
  ['Matches', (_, matches) => matches],
])

/** @throws TemplateError when the template is not understood. */
export function compileNameTemplate(source: string): NameTemplate {
  const template = compileTemplate(source)
  return (facts, matches) =>
    template.execute((name) => {
      const field = FIELDS.get(name)
      if (field === undefined) throw new ExecutionError(`there is no field ${name}`)
      return field(facts, matches)
    })
}
