/** A new collector is one folder and one entry in the registry: here one is added to a copy of the sources. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parseSamples } from '../support/exposition.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const FIXTURES = join(ROOT, 'test/fixtures/new-collector')

test('a new collector is one folder and one entry', (t) => {
  const copy = mkdtempSync(join(tmpdir(), 'collector-'))
  t.teardown(() => rmSync(copy, { recursive: true }))
  cpSync(join(ROOT, 'src'), join(copy, 'src'), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(ROOT, file), join(copy, file))
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))

  mkdirSync(join(copy, 'src/collectors/answers'))
  cpSync(join(FIXTURES, 'collector.ts.txt'), join(copy, 'src/collectors/answers/collector.ts'))
  const registry = join(copy, 'src/collectors/registry.ts')
  const entry = readFileSync(registry, 'utf8')
    .replace('COLLECTORS = [', 'COLLECTORS = [ANSWERS, ')
    .concat("import { ANSWERS } from './answers/collector.ts'\n")
  writeFileSync(registry, entry)
  cpSync(join(FIXTURES, 'use.ts.txt'), join(copy, 'src/use.ts'))

  const run = (words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const main = join(copy, 'src/main.ts')
    const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], options)
    return { status, stdout, stderr }
  }
  const answers = (words: readonly string[], env?: NodeJS.ProcessEnv) =>
    parseSamples(run(['--once', '--prometheus.naming=otel,classic', ...words], env).stdout)
      .filter(({ name }) => name === 'answers_value')
      .map(({ value }) => value)
  t.deepEqual(answers([]), [42])
  t.deepEqual(answers(['--answers.value=7']), [7])
  t.deepEqual(answers([], { ANSWER: '8' }), [8])
  t.deepEqual(answers([], { OTEL_INTERROGATOR_ANSWERS_VALUE: '9' }), [9])
  t.deepEqual(answers(['--answers.enabled=false']), [])

  const file = join(copy, 'agent.yaml')
  writeFileSync(file, 'answers:\n  value: 101\n')
  const checked = run(['check-config', '--config', file])
  t.is(checked.status, 2)
  t.regex(checked.stderr, /:2:10: answers\.value is 101 but must be an integer from 1 to 100/)
  t.regex(run(['--help']).stdout, /--answers\.value\n +The answer\.\n.*Default: 42/)
  t.regex(run(['list-settings']).stdout, /\| `answers\.value` \| The answer\. .*`ANSWER`/)
  t.regex(run(['list-metrics', '--all']).stdout, /answers\.value/)

  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const compiled = spawnSync(process.execPath, [compiler, '--noEmit', '--project', copy], {
    encoding: 'utf8',
  })
  t.is(compiled.status, 0, compiled.stdout + compiled.stderr)
})
