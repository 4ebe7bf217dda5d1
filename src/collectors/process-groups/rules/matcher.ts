/**
 * The rules that name process groups, with the meaning that process-exporter's have: the first rule all
 * of whose selectors match names the group.
 */
import { baseName, type ProcessFacts } from './facts.ts'
import { compileNameTemplate, type NameTemplate } from './name-template.ts'
import { compilePattern } from './pattern.ts'
import { RuleError, type RuleProblem } from './rule-error.ts'

export interface ProcessNameItem {
  readonly name?: string
  readonly comm?: readonly string[]
  readonly exe?: readonly string[]
  readonly cmdline?: readonly string[]
  /** PIDs of the parent. */
  readonly ppid?: readonly number[]
  /** Line in the configuration file; 0 for a built-in rule. */
  readonly line: number
}

export interface Rules {
  /** The name of the group that the first matching rule gives; undefined when none matches. */
  match(facts: ProcessFacts): string | undefined
}

const DEFAULT_NAME = '{{.ExeBase}}'

/**
 * @param options.strict whether of two `exe` entries with one base name only the last counts, as in
 *   process-exporter.
 * @throws RuleError
 */
export function compileRules(
  items: readonly ProcessNameItem[],
  { strict }: { readonly strict: boolean } = { strict: false },
): Rules {
  const problems: RuleProblem[] = []
  const rules = items.map(({ exe, ...item }) => {
    const entries = strict && exe !== undefined ? lastOfEachName(exe) : exe
    return compileRule({ ...item, ...(entries && { exe: entries }) }, problems)
  })
  if (problems.length > 0) throw new RuleError(problems)
  return {
    match(facts) {
      for (const { selectors, name } of rules) {
        const matches = new Map<string, string>()
        if (selectors.every((selector) => selector(facts, matches))) return name(facts, matches)
      }
      return undefined
    },
  }
}

/** Whether a process is selected; a selector may add what it captured. */
type Selector = (facts: ProcessFacts, matches: Map<string, string>) => boolean

interface Rule {
  readonly selectors: readonly Selector[]
  readonly name: NameTemplate
}

function compileRule(item: ProcessNameItem, problems: RuleProblem[]): Rule {
  const attempt = <T>(
    what: string,
    source: string,
    compile: (source: string) => T,
    instead: T,
  ): T => {
    try {
      return compile(source)
    } catch (error) {
      const message = `${what} ${JSON.stringify(source)}: ${(error as Error).message}`
      problems.push({ line: item.line, message })
      return instead
    }
  }
  const selectors: Selector[] = []
  if (item.comm !== undefined) selectors.push(commSelector(item.comm))
  if (item.exe !== undefined) selectors.push(exeSelector(item.exe))
  for (const source of item.cmdline ?? []) {
    selectors.push(attempt('cmdline', source, cmdlineSelector, () => false))
  }
  if (item.ppid !== undefined) selectors.push(parentSelector(item.ppid))
  const name = item.name === undefined || item.name === '' ? DEFAULT_NAME : item.name
  return { selectors, name: attempt('name', name, compileNameTemplate, () => '') }
}

function commSelector(names: readonly string[]): Selector {
  const wanted = new Set(names)
  return ({ comm }) => wanted.has(comm)
}

function lastOfEachName(entries: readonly string[]): string[] {
  return [...new Map(entries.map((entry) => [baseName(entry), entry])).values()]
}

/**
 * Compares the first argument: with the whole of an entry that has a slash, with its base name alone
 * otherwise; of several entries any may match. (It is not the executed file, which any process may name as it
 * likes.)
 */
function exeSelector(entries: readonly string[]): Selector {
  const names = new Set(entries.filter((entry) => !entry.includes('/')))
  const paths = new Set(entries.filter((entry) => entry.includes('/') && !entry.endsWith('/')))
  return ({ argv: [program] }) =>
    program !== undefined && (paths.has(program) || names.has(baseName(program)))
}

/** Compares the parent as it is when the process is first seen. */
function parentSelector(pids: readonly number[]): Selector {
  const wanted = new Set(pids)
  return ({ ppid }) => wanted.has(ppid)
}

/** Searches the arguments joined by spaces for a regular expression in Go's syntax. */
function cmdlineSelector(source: string): Selector {
  const pattern = compilePattern(source)
  return ({ argv }, matches) => {
    const captures = pattern.find(argv.join(' '))
    for (const [group, capture] of (captures ?? []).entries()) {
      matches.set(pattern.names[group], capture)
    }
    return captures !== undefined
  }
}
