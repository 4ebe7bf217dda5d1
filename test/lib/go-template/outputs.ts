/** A process, and what templates print of it. */
import test from 'ava'
import type { ProcessFacts } from '../../../src/collectors/process-groups/classify/facts.ts'
import {
  compileNameTemplate,
  type Matches,
} from '../../../src/collectors/process-groups/classify/name-template.ts'
import { PROCESS } from '../../support/facts.ts'

export const FACTS: ProcessFacts = {
  ...PROCESS,
  comm: 'bash',
  argv: ['/bin/bash', '-l'],
  pid: 42,
  ppid: 1,
  startTime: 1_600_000_012_340,
  username: () => 'root',
  cgroups: () => ['/a', '/b:c'],
  program: () => 'bash',
}

export const MATCHES: Matches = new Map([
  ['', '6379'],
  ['a', 's'],
  ['b', 'redis'],
  ['c', '6379'],
  ['_x', 'é<&\'"'],
  ['E', ''],
  ['é', 'u'],
  ['A1', 'x y\n'],
])

/** One test for each template and its output for the process above. */
export function testOutputs(cases: readonly (readonly [template: string, output: string])[]): void {
  for (const [template, output] of cases) {
    test(`${JSON.stringify(template)} prints ${JSON.stringify(output)}`, (t) => {
      t.is(compileNameTemplate(template)(FACTS, MATCHES), output)
    })
  }
}
