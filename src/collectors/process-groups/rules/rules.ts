/** The rules that the settings ask for: from a file, from flags, or the built-in ones. */
import { compileRules, type ProcessNameItem, type Rules } from './matcher.ts'
import { nameMappingRules } from './name-mapping.ts'
import { RuleError } from './rule-error.ts'

export interface RuleSettings {
  readonly process_names: readonly ProcessNameItem[] | undefined
  readonly process_groups: {
    readonly procnames: string
    readonly namemapping: string
    /** Whether every program is a group where no rules are given. */
    readonly builtin_rules: boolean
    /** Whether rules with a fixed name have a group before a process matches. */
    readonly zero_rows: boolean
  }
  readonly compat: { readonly process_exporter: 'corrected' | 'strict' }
}

/**
 * The rules without a configuration. Programs are named by the file they execute, for the names that
 * processes give themselves are cut at 15 bytes and often changed. Kernel threads have no command line; all
 * descend from `kthreadd`.
 */
const DEFAULT_RULES: readonly ProcessNameItem[] = [
  { name: '{{.Program}}', cmdline: ['.+'], line: 0 },
  { name: '{{.Comm}}', comm: ['kthreadd'], line: 0 },
]

/** @throws RuleError when rules can't be used, or are given in both ways. */
export function createRules(settings: RuleSettings): Rules {
  const rules = configuredRules(settings)
  return settings.process_groups.zero_rows ? rules : { ...rules, constants: [] }
}

function configuredRules({ process_names, process_groups, compat }: RuleSettings): Rules {
  const { procnames, namemapping, builtin_rules } = process_groups
  if (procnames === '' && namemapping === '') {
    const strict = compat.process_exporter === 'strict'
    return compileRules(process_names ?? (builtin_rules ? DEFAULT_RULES : []), { strict })
  }
  if (process_names !== undefined) {
    const message = 'process_names in the file and procnames or namemapping exclude each other'
    throw new RuleError([{ message }])
  }
  return nameMappingRules(procnames, namemapping)
}
