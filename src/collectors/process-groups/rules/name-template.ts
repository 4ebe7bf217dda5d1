/**
 * Templates of group names: text with `{{.Field}}` in it, as in Go's text/template.
 */
import { baseName, type ProcessFacts } from './facts.ts'

/** What the regular expressions of a rule captured, by group name; '' for groups without one. */
export type Matches = ReadonlyMap<string, string>

export type NameTemplate = (facts: ProcessFacts, matches: Matches) => string

/** A template that can't be used; the message says why. */
class TemplateError extends Error {
  override name = 'TemplateError'
}

type Field = (facts: ProcessFacts, matches: Matches) => string

const FIELDS = new Map<string, Field>([
  ['Comm', ({ comm }) => comm],
  ['ExeBase', ({ argv, comm }) => (argv[0] === undefined ? comm : baseName(argv[0]))],
  ['ExeFull', ({ argv, comm }) => argv[0] ?? comm],
  ['Program', ({ program }) => program()],
  ['Username', ({ username }) => username()],
  ['PID', ({ pid }) => String(pid)],
  ['StartTime', ({ startTime }) => goTime(startTime)],
  ['Cgroups', ({ cgroups }) => `[${cgroups().join(' ')}]`],
  ['Matches', (_, matches) => goMap(matches)],
])

/** @throws TemplateError when the template asks for something that there isn't. */
export function compileTemplate(source: string): NameTemplate {
  const parts = source.split(/(\{\{.*?\}\})/s).map(compilePart)
  return (facts, matches) => parts.map((part) => part(facts, matches)).join('')
}

function compilePart(part: string): Field {
  if (!part.startsWith('{{') || !part.endsWith('}}')) {
    if (part.includes('{{')) throw new TemplateError('an action {{ has no end }}')
    return () => part
  }
  const action = part.slice(2, -2).trim()
  const [, field = '', key] = /^\.([A-Za-z]+)(?:\.(\w+))?$/.exec(action) ?? []
  if (field === 'Matches' && key !== undefined) return (_, matches) => matches.get(key) ?? NO_VALUE
  const read = FIELDS.get(field)
  if (read === undefined || key !== undefined) {
    const fields = [...FIELDS.keys()].map((name) => `.${name}`).join(' ')
    throw new TemplateError(`{{${action}}} is not known; there are ${fields} and .Matches.NAME`)
  }
  return read
}

/** What Go prints for a key that a map doesn't have. */
const NO_VALUE = '<no value>'

/** A map as Go prints it, its keys in the order of their bytes. */
function goMap(matches: Matches): string {
  const entries = [...matches].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `map[${entries.map(([key, value]) => `${key}:${value}`).join(' ')}]`
}

/** A time as Go prints it: `2020-09-13 12:26:52.34 +0000 UTC`. */
function goTime(milliseconds: number): string {
  const [date = '', time = ''] = new Date(milliseconds).toISOString().slice(0, -1).split('T')
  const [whole = '', fraction = ''] = time.split('.')
  const digits = fraction.replace(/0+$/, '')
  return `${date} ${whole}${digits === '' ? '' : `.${digits}`} +0000 UTC`
}
