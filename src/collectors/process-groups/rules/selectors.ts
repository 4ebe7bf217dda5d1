/** What a rule may ask of a process; each selector is one condition. */
import { baseName, type ProcessFacts } from './facts.ts'
import { compileGlob } from './glob.ts'
import { compilePattern } from './pattern.ts'

/** The conditions of a rule, as its file has them. All that are there must hold. */
export interface Selectors {
  /** Names of the task. */
  readonly comm?: readonly string[]
  /** First arguments: whole where an entry has a slash, base names otherwise. */
  readonly exe?: readonly string[]
  /** Regular expressions, all of which must find something in the joined arguments. */
  readonly cmdline?: readonly string[]
  /** Paths of the file that the process executes, with `*`, `**` and `?`. */
  readonly exe_path?: readonly string[]
  /** Regular expressions, one of which must find something in one of the cgroup paths. */
  readonly cgroup?: readonly string[]
  /** Names, and numbers, of the effective user. */
  readonly username?: readonly string[]
  readonly uid?: readonly number[]
  /** PIDs, and task names, of the parent as it is when the process is judged. */
  readonly ppid?: readonly number[]
  readonly parent?: readonly string[]
}

/** Whether a process is selected; a selector may add what it captured. */
export type Selector = (facts: ProcessFacts, matches: Map<string, string>) => boolean

/** Compiles a text of the file; what can't be compiled is reported and replaced. */
export type Attempt = <T>(
  what: string,
  source: string,
  compile: (source: string) => T,
  instead: T,
) => T

export function compileSelectors(selectors: Selectors, attempt: Attempt): Selector[] {
  const { comm, exe, cmdline, exe_path, cgroup, username, uid, ppid, parent } = selectors
  const compiled: Selector[] = []
  if (comm !== undefined) compiled.push(oneOf(comm, (facts) => facts.comm))
  if (exe !== undefined) compiled.push(exeSelector(exe))
  for (const source of cmdline ?? []) {
    compiled.push(attempt('cmdline', source, cmdlineSelector, never))
  }
  if (exe_path !== undefined) compiled.push(exePathSelector(exe_path))
  if (cgroup !== undefined) {
    const sources = cgroup.map((source) => attempt('cgroup', source, cgroupSelector, never))
    compiled.push((facts, matches) => sources.some((selector) => selector(facts, matches)))
  }
  if (username !== undefined) compiled.push(oneOf(username, (facts) => facts.username()))
  if (uid !== undefined) compiled.push(oneOf(uid, (facts) => facts.uid()))
  if (ppid !== undefined) compiled.push(oneOf(ppid, (facts) => facts.ppid))
  if (parent !== undefined) compiled.push(oneOf(parent, (facts) => facts.parent()))
  return compiled
}

const never: Selector = () => false

function oneOf<T>(values: readonly T[], of: (facts: ProcessFacts) => T | undefined): Selector {
  const wanted = new Set<T | undefined>(values)
  return (facts) => wanted.has(of(facts))
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

function exePathSelector(entries: readonly string[]): Selector {
  const globs = entries.map(compileGlob)
  return (facts) => {
    const path = facts.exePath()
    return path !== undefined && globs.some((glob) => glob.test(path))
  }
}

/** Searches the arguments joined by spaces for a regular expression in Go's syntax. */
function cmdlineSelector(source: string): Selector {
  return textSelector(source, ({ argv }) => [argv.join(' ')])
}

function cgroupSelector(source: string): Selector {
  return textSelector(source, ({ cgroups }) => cgroups())
}

/** Searches texts for a regular expression; the first that has it gives the captures. */
function textSelector(source: string, texts: (facts: ProcessFacts) => readonly string[]): Selector {
  const pattern = compilePattern(source)
  return (facts, matches) => {
    for (const text of texts(facts)) {
      const captures = pattern.find(text)
      if (captures === undefined) continue
      for (const [group, capture] of captures.entries()) matches.set(pattern.names[group], capture)
      return true
    }
    return false
  }
}
