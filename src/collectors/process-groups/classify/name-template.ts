/** Templates of group names: Go's text/template over what is known of a process. */

import { containerName } from '../../../entities/workload-attributes.ts'
import { GoTime } from '../../../lib/go-template/go-time.ts'
import { compileTemplate } from '../../../lib/go-template/template.ts'
import { ExecutionError, type GoObject, type Value } from '../../../lib/go-template/values.ts'
import type { Workload } from '../../../workloads/workloads.ts'
import { baseName, type ProcessFacts } from './facts.ts'

/** What the regular expressions of a rule captured, by group name; '' for groups without one. */
export type Matches = ReadonlyMap<string, string>

/** A compiled name template: gives the name, or a label's value, for a process. */
export interface NameTemplate {
  (facts: ProcessFacts, matches: Matches): string
  /** Fields that it names and no process has: what it gives ends there. */
  readonly unknownFields: readonly string[]
}

type Field = (facts: ProcessFacts, matches: Matches) => Value

const FIELDS = new Map<string, Field>([
  ['Comm', ({ comm }) => comm],
  ['ExeBase', ({ argv, comm }) => (argv[0] === undefined ? comm : baseName(argv[0]))],
  ['ExeFull', ({ argv, comm }) => argv[0] ?? comm],
  ['Program', ({ program }) => program()],
  ['Username', ({ username }) => username()],
  ['UID', ({ uid }) => BigInt(uid())],
  ['Parent', ({ parent }) => parent() ?? ''],
  ['ExePath', ({ exePath }) => exePath() ?? ''],
  ['Namespace', ({ workload }) => workload()?.pod?.namespace ?? ''],
  ['Pod', ({ workload }) => workload()?.pod?.name ?? ''],
  ['PodUID', ({ workload }) => podUid(workload())],
  ['PodLabels', ({ workload }) => workload()?.pod?.labels ?? new Map()],
  ['Container', ({ workload }) => containerName(workload()?.container) ?? ''],
  ['ContainerID', ({ workload }) => workload()?.owner.containerId ?? ''],
  ['PID', ({ pid }) => BigInt(pid)],
  ['StartTime', ({ startTime }) => new GoTime(startTime)],
  ['Cgroups', ({ cgroups }) => cgroups()],
  ['Matches', (_, matches) => matches],
])

function podUid(workload: Workload | undefined): string {
  return workload?.pod?.uid ?? workload?.owner.podUid ?? ''
}

/**
 * Compiles a template of a group's name or of a label.
 *
 * @throws TemplateError when the template is not understood.
 */
export function compileNameTemplate(source: string): NameTemplate {
  const template = compileTemplate(source)
  const execute = (facts: ProcessFacts, matches: Matches) =>
    template.execute(processObject(facts, matches))
  const unknownFields = [...template.fields].filter((name) => !FIELDS.has(name))
  return Object.assign(execute, { unknownFields })
}

/** The template of nothing. */
export const EMPTY_TEMPLATE: NameTemplate = Object.assign(() => '', { unknownFields: [] })

/** What templates may ask of a process. */
export const TEMPLATE_FIELDS: readonly string[] = [...FIELDS.keys()]

/** A process as templates see it; each fact is asked for when it is used. */
function processObject(facts: ProcessFacts, matches: Matches): GoObject {
  return {
    type: 'process',
    get(name, args) {
      const field = FIELDS.get(name)
      if (field === undefined) throw new ExecutionError(`a process has no field ${name}`)
      if (args.length > 0) throw new ExecutionError(`${name} takes no arguments`)
      return field(facts, matches)
    },
    toString() {
      throw new ExecutionError('a process can not be printed as a whole')
    },
  }
}
