/** Selects processes by their arguments, as kubevirt-metrics-collector does. */
import { compileGoGlob } from '../../lib/globs/go-glob.ts'
import type { WholeMatch } from '../../lib/re2.ts'
import { type Format, format } from '../../lib/settings/formats.ts'

/** A kind of process to be measured, by its arguments. */
export interface Target {
  /** For people; it is in no metric. */
  readonly name: string
  /** A pattern for each argument, in the language of Go's path/filepath.Match. */
  readonly argv: readonly string[]
}

/** Whether a target's patterns, as far as there are arguments for them, match one by one. */
export type ArgvMatcher = (argv: readonly string[]) => boolean

/**
 * Compiles targets. A process with fewer arguments than a target has patterns matches by those it has; one without any, such as a kernel
 * thread, never does.
 *
 * @throws PatternError for a malformed pattern.
 */
export function compileTargets(targets: readonly Target[]): ArgvMatcher {
  const compiled = targets.map(({ argv }) => argv.map(compileGoGlob))
  return (given) => {
    const argv = given.filter((argument) => argument !== '')
    const matches = (patterns: readonly WholeMatch[]) =>
      patterns.slice(0, argv.length).every((pattern, index) => pattern.test(argv[index]))
    return argv.length > 0 && compiled.some(matches)
  }
}

/** `kubevirt.targets`: which processes of virtual machines are measured. */
export const KUBEVIRT_TARGETS: Format<readonly Target[]> = format({
  allowed: 'a list such as [{"name": "qemu", "argv": ["/usr/*/qemu*"]}], in text as JSON',
  parse: (text) => {
    try {
      return targets(JSON.parse(text))
    } catch {
      return undefined
    }
  },
  check: targets,
  show: (list) => (list.length === 0 ? 'none' : JSON.stringify(list)),
})

function targets(value: unknown): Target[] | undefined {
  const entries: unknown[] = Array.isArray(value) ? value : [value]
  const list = entries.map(target)
  return list.includes(undefined) ? undefined : (list as Target[])
}

function target(value: unknown): Target | undefined {
  const { name = '', argv: given } = (value ?? {}) as { name?: unknown; argv?: unknown }
  const argv: unknown = typeof given === 'string' ? [given] : given
  const isText = (word: unknown) => typeof word === 'string'
  if (typeof name !== 'string' || !Array.isArray(argv)) return undefined
  return argv.length > 0 && argv.every(isText) ? { name, argv } : undefined
}
