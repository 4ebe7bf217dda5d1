/** Configurations that made-up faults have found: each was a crash, a hang, or a page of nonsense. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadConfiguration } from '../../src/agent/configuration.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { ConfigError } from '../../src/config/problems.ts'

function write(t: ExecutionContext, name: string, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'config-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function load(...words: string[]) {
  return loadConfiguration(parseCommandLine(words), {})
}

/** What is said of words that are refused, without the directory of the file. */
function refusal(t: ExecutionContext, ...words: string[]): string {
  const { message } = t.throws(() => load(...words), { instanceOf: ConfigError })
  return message.replaceAll(/\S*\/(\w+\.(?:yaml|json))/g, '$1')
}

function yamlRefusal(t: ExecutionContext, text: string): string {
  return refusal(t, `--config=${write(t, 'agent.yaml', text)}`)
}

for (const word of ['constructor', '__proto__', 'toString']) {
  test(`${word} is no command and no key`, (t) => {
    t.regex(refusal(t, word), /unknown command/)
    const { warnings } = load(write(t, 'kubevirt.json', `{"${word}": 1}`))
    t.regex(warnings.join(), new RegExp(`unknown key ${word}`))
    t.regex(yamlRefusal(t, `${word}: 1`), new RegExp(`unknown setting "${word}"`))
  })
}

test('a problem of an empty word has a place', (t) => {
  t.regex(refusal(t, ''), /^command line: unknown command/)
})

test('whatever a wrong value is, it is shown', (t) => {
  const first = (text: string) => yamlRefusal(t, text).split('\n')[0]
  const rest = 'but must be an integer from 0 to 65535'
  t.is(
    first('prometheus: {port: {toString: 1}}'),
    `agent.yaml:1:20: prometheus.port is {"toString":1} ${rest}`,
  )
  t.is(
    first('prometheus: {port: [{valueOf: 1}]}'),
    `agent.yaml:1:20: prometheus.port is [{"valueOf":1}] ${rest}`,
  )
  const long = first(`prometheus: {port: ${'9'.repeat(50)}x${'y'.repeat(10_000)}}`)
  t.true(long !== undefined && long.length < 400, long)
  const kubevirt = (text: string) => refusal(t, write(t, 'kubevirt.json', text))
  t.regex(kubevirt('{"hostname": {"<<": 1}}'), /^kubevirt\.json:1:14: node\.name is \{/)
  const address = '{"listenaddress": {"toString": 1}}'
  t.regex(kubevirt(address), /^kubevirt\.json:1:19: listenaddress must be HOST:PORT/)
})

test('of a long line a part is shown, and of many problems some', (t) => {
  const keys = Array.from({ length: 5000 }, (_, index) => `key${index}: 1`)
  const message = yamlRefusal(t, `{${keys.join(', ')}}`)
  t.regex(message, /unknown setting "key7"/)
  t.regex(message, /\nand 4900 problems more$/)
  t.true(message.length < 100_000, String(message.length))
  const others = 'log: {}, '.repeat(100)
  const [, line = '', mark = ''] = yamlRefusal(t, `{${others}bad: 1, ${others}}`).split('\n')
  t.true(line.length < 300)
  t.true(line.slice(mark.indexOf('^')).startsWith('bad: 1'))
})

const DEEP: Readonly<Record<string, string>> = {
  list: `process_names: ${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  'setting of lists': `workloads: {labels: ${'['.repeat(200)}${']'.repeat(200)}}`,
  'chain of aliases': `a0: &a0 [x]\n${Array.from({ length: 5000 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}]\n`).join('')}workloads: {labels: *a5000}\n`,
  'chain of merges': `a0: &a0 {x: 1}\n${Array.from({ length: 5000 }, (_, index) => `a${index + 1}: &a${index + 1} {<<: *a${index}}\n`).join('')}web: *a5000\n`,
}

for (const [what, text] of Object.entries(DEEP)) {
  test(`a ${what} that is too deep is refused`, (t) => {
    t.regex(yamlRefusal(t, text), /values are nested too deeply/)
  })
}

test('many aliases are no work', (t) => {
  const lines = Array.from({ length: 20_000 }, () => '    - *a').join('\n')
  const text = `process_names: [{comm: [&a b, &a c]}]\nworkloads:\n  labels:\n${lines}\n`
  const { config } = load(`--config=${write(t, 'agent.yaml', text)}`)
  t.is(config.workloads.labels.length, 20_000)
  // The last anchor of that name counts.
  t.is(config.workloads.labels[0], 'c')
})

test('what is too large to be a configuration is not read to its end', (t) => {
  t.regex(yamlRefusal(t, '#'.repeat(2 ** 20 + 1)), /^agent\.yaml: is larger than 1 MiB/)
  t.regex(refusal(t, '--config=/dev/zero'), /^\/dev\/zero: is larger than 1 MiB/)
})

test('a class that ends before it begins is refused', (t) => {
  const flag = '--kubevirt.targets=[{"name":"x","argv":["[z-a]"]}]'
  t.regex(refusal(t, flag), /^kubevirt\.targets: "\[z-a\]": .*invalid character class range/)
})

test('of a message of any length the beginning and the end are shown', (t) => {
  const message = `${'['.repeat(300_000)} is no file`
  const shown = new ConfigError([{ source: 'web.yaml:7:17', message }]).message
  t.true(shown.length < 1000, `${shown.length} characters`)
  const { message: ofFlag } = t.throws(() => load(`--${'['.repeat(100_000)}`), {
    instanceOf: ConfigError,
  })
  t.true(ofFlag.length < 2000, `${ofFlag.length} characters`)
  t.regex(shown, /^web.yaml:7:17: \[+… \(\d+ characters\) …\[+ is no file$/)
})
