/** The rules that the settings ask for: from a file, from flags, or the built-in ones. */
import type { Values } from '../../../lib/settings/setting.ts'
import type { PROCESS_GROUP_SETTINGS } from '../settings.ts'
import { compileRules, type ProcessNameItem, type Rules } from './matcher.ts'
import { nameMappingRules } from './name-mapping.ts'
import { RuleError } from './rule-error.ts'

type GroupSettings = Values<typeof PROCESS_GROUP_SETTINGS>

/** The settings that rules are made from. */
export interface RuleSettings extends Pick<GroupSettings, 'compat'> {
  readonly process_names: readonly ProcessNameItem[] | undefined
  readonly process_groups: Pick<
    GroupSettings['process_groups'],
    'procnames' | 'namemapping' | 'builtin_rules' | 'zero_rows'
  >
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

/**
 * Compiles the configured rules, or the built-in ones where none are configured.
 *
 * @throws RuleError when rules can't be used, or are given in both ways.
 */
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
