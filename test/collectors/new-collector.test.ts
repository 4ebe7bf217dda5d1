/** A new collector is one folder and one entry in the registry: here one is added to a copy of the sources. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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

/** Without the other collectors: what they read takes time. */
const ALONE = ['process-groups', 'cgroups', 'kubevirt'].map((name) => `--${name}.enabled=false`)
const FIXTURES = join(ROOT, 'test/fixtures/new-collector')

test('a new collector is one folder and one entry', async (t) => {
  // Each run of the program, and the compiler's, takes seconds where much else is running.
  t.timeout(600_000)
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

  const run = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    execute([join(copy, 'src/main.ts'), ...words], env)
  const answers = async (words: readonly string[], env?: NodeJS.ProcessEnv) => {
    const { code, output } = await run(
      ['--once', '--prometheus.naming=otel', ...ALONE, ...words],
      env,
    )
    t.is(code, 0, output)
    const samples = parseSamples(output).filter(({ name }) => name === 'answers_value')
    return samples.map(({ value }) => value)
  }
  t.deepEqual(await answers([]), [42])
  t.deepEqual(await answers([], { ANSWER: '8' }), [8])
  t.deepEqual(await answers(['--answers.value=7'], { OTEL_INTERROGATOR_ANSWERS_VALUE: '9' }), [7])
  t.deepEqual(await answers(['--answers.enabled=false']), [])

  const file = join(copy, 'agent.yaml')
  writeFileSync(file, 'answers:\n  value: 101\n')
  const checked = await run(['check-config', '--config', file])
  t.is(checked.code, 2)
  t.regex(checked.output, /:2:10: answers\.value is 101 but must be an integer from 1 to 100/)
  const settings = await run(['list-settings'])
  t.regex(settings.output, /\| `answers\.value` \| The answer\. .*`ANSWER`/)
  const metrics = await run(['list-metrics', '--all'])
  t.regex(metrics.output, /answers\.value/)

  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const compiled = await execute([compiler, '--noEmit', '--project', copy])
  t.is(compiled.code, 0, compiled.output)
})

/** Runs Node.js; gives what was printed on both streams. */
async function execute(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
