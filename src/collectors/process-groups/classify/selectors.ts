/** What a rule may ask of a process; each selector is one condition. */

import { containerName } from '../../../entities/workload-attributes.ts'
import { compilePathGlob } from '../../../lib/globs/path-glob.ts'
import { compilePattern } from '../../../lib/re2.ts'
import { baseName, type ProcessFacts } from './facts.ts'

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
  /** PIDs, and task names, of the parent at the time when the process is classified. */
  readonly ppid?: readonly number[]
  readonly parent?: readonly string[]
  /** `pod`, `container` (outside of pods) or `host`. */
  readonly scope?: readonly string[]
  /** Names, with `*` and `?`, of the pod's namespace, the pod and the container. */
  readonly namespace?: readonly string[]
  readonly pod?: readonly string[]
  readonly container?: readonly string[]
}

/** A selector, ready to be asked. */
export interface Condition {
  /** As the file has it, such as `comm ["bash"]`. */
  readonly text: string
  /** Whether it holds for a process; it may add what it captured. */
  readonly holds: (facts: ProcessFacts, matches: Map<string, string>) => boolean
  /** What the process has in this respect. */
  readonly actual: (facts: ProcessFacts) => unknown
}

/** Compiles a text of the file; what can't be compiled is reported and replaced. */
export type Attempt = <T>(
  what: string,
  source: string,
  compile: (source: string) => T,
  instead: T,
) => T

/** Compiles the selectors of a rule, in the order in which they are checked. */
export function compileSelectors(selectors: Selectors, attempt: Attempt): Condition[] {
  const conditions: Condition[] = []
  for (const key of Object.keys(COMPILERS) as (keyof Selectors)[]) {
    if (selectors[key] === undefined) continue
    const text = `${key} ${JSON.stringify(selectors[key])}`
    conditions.push({ text, holds: COMPILERS[key](selectors, attempt), actual: ACTUAL[key] })
  }
  return conditions
}

type Holds = Condition['holds']

/** In the order in which they are asked: cheap ones first. */
const COMPILERS: Record<keyof Selectors, (selectors: Selectors, attempt: Attempt) => Holds> = {
  comm: ({ comm = [] }) => oneOf(comm, (facts) => facts.comm),
  ppid: ({ ppid = [] }) => oneOf(ppid, (facts) => facts.ppid),
  exe: ({ exe = [] }) => programSelector(exe),
  cmdline: ({ cmdline = [] }, attempt) => {
    const all = cmdline.map((source) => attempt('cmdline', source, cmdlineSelector, never))
    return (facts, matches) => all.every((holds) => holds(facts, matches))
  },
  exe_path: ({ exe_path = [] }) => globSelector(exe_path, (facts) => facts.exePath()),
  cgroup: ({ cgroup = [] }, attempt) => {
    const any = cgroup.map((source) => attempt('cgroup', source, cgroupSelector, never))
    return (facts, matches) => any.some((holds) => holds(facts, matches))
  },
  username: ({ username = [] }) => oneOf(username, (facts) => facts.username()),
  uid: ({ uid = [] }) => oneOf(uid, (facts) => facts.uid()),
  parent: ({ parent = [] }) => oneOf(parent, (facts) => facts.parent()),
  scope: ({ scope = [] }) => oneOf(scope, (facts) => facts.workload()?.owner.scope),
  namespace: ({ namespace = [] }) => globSelector(namespace, namespaceOf),
  pod: ({ pod = [] }) => globSelector(pod, podOf),
  container: ({ container = [] }) => globSelector(container, containerOf),
}

const ACTUAL: Record<keyof Selectors, Condition['actual']> = {
  comm: (facts) => facts.comm,
  ppid: (facts) => facts.ppid,
  exe: (facts) => facts.argv[0],
  cmdline: (facts) => facts.argv.join(' '),
  exe_path: (facts) => facts.exePath(),
  cgroup: (facts) => facts.cgroups(),
  username: (facts) => facts.username(),
  uid: (facts) => facts.uid(),
  parent: (facts) => facts.parent(),
  scope: (facts) => facts.workload()?.owner.scope,
  namespace: namespaceOf,
  pod: podOf,
  container: containerOf,
}

const never: Holds = () => false

function oneOf<T>(values: readonly T[], of: (facts: ProcessFacts) => T | undefined): Holds {
  const wanted = new Set<T | undefined>(values)
  return (facts) => wanted.has(of(facts))
}

/**
 * Compares the first argument: with the whole of an entry that has a slash, with its base name alone
 * otherwise; of several entries any may match. (It is not the executed file, which any process may name as it
 * likes.)
 */
function programSelector(entries: readonly string[]): Holds {
  const names = new Set(entries.filter((entry) => !entry.includes('/')))
  const paths = new Set(entries.filter((entry) => entry.includes('/') && !entry.endsWith('/')))
  return ({ argv: [program] }) =>
    program !== undefined && (paths.has(program) || names.has(baseName(program)))
}

function globSelector(
  entries: readonly string[],
  of: (facts: ProcessFacts) => string | undefined,
): Holds {
  const globs = entries.map(compilePathGlob)
  return (facts) => {
    const text = of(facts)
    return text !== undefined && globs.some((glob) => glob.test(text))
  }
}

function namespaceOf(facts: ProcessFacts): string | undefined {
  return facts.workload()?.pod?.namespace
}

function podOf(facts: ProcessFacts): string | undefined {
  return facts.workload()?.pod?.name
}

function containerOf(facts: ProcessFacts): string | undefined {
  return containerName(facts.workload()?.container)
}

/** Searches the arguments joined by spaces for a regular expression in Go's syntax. */
function cmdlineSelector(source: string): Holds {
  return textSelector(source, ({ argv }) => [argv.join(' ')])
}

function cgroupSelector(source: string): Holds {
  return textSelector(source, ({ cgroups }) => cgroups())
}

/** Searches texts for a regular expression; the first that has it gives the captures. */
function textSelector(source: string, texts: (facts: ProcessFacts) => readonly string[]): Holds {
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
