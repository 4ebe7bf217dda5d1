/** Facts of a process, of which a test sets only those that it is about. */
import type { ProcessFacts } from '../../src/collectors/process-groups/classify/facts.ts'
import type { Rules } from '../../src/collectors/process-groups/classify/matcher.ts'

export const PROCESS: ProcessFacts = {
  comm: 'app',
  argv: [],
  pid: 7,
  ppid: 1,
  startTime: 1_508_453_571_190,
  username: () => 'root',
  uid: () => 0,
  parent: () => 'init',
  cgroups: () => [],
  program: () => 'program',
  exePath: () => '/usr/bin/program',
  workload: () => undefined,
}

/** The name of the group that rules give a process; `'ignored'` when they take it out. */
export function groupName(rules: Rules, facts: ProcessFacts): string | undefined {
  const match = rules.match(facts)
  return typeof match === 'object' ? match.name : match
}
