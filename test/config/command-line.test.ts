import { readFileSync } from 'node:fs'
import test from 'ava'
import { conventionRegistry } from '../../otel/registry.ts'
import { COLLECTORS } from '../../src/collectors/registry.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { configurationReference, helpText } from '../../src/config/help.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { metricsReference } from '../../src/telemetry/reference.ts'

function flags(...words: string[]): Record<string, string> {
  return Object.fromEntries(
    [...parseCommandLine(words).flags].map(([path, { text }]) => [path, text]),
  )
}

test('one dash is as good as two, and a value may follow', (t) => {
  t.deepEqual(flags('-procfs=/a'), { 'procfs.root': '/a' })
  t.deepEqual(flags('--procfs', '/a'), { 'procfs.root': '/a' })
  t.deepEqual(flags('--procfs.root=/a', '--procfs.root=/b'), { 'procfs.root': '/b' })
  t.deepEqual(flags('-threads', '-children=false', '--gather-smaps=0'), {
    'process_groups.threads': 'true',
    'process_groups.children': 'false',
    'process_groups.smaps': '0',
  })
})

test('a listen address is host and port', (t) => {
  const address = (text: string) => Object.values(flags(`-web.listen-address=${text}`))
  t.deepEqual(address(':9256'), ['', '9256'])
  t.deepEqual(address('127.0.0.1:1'), ['127.0.0.1', '1'])
  t.deepEqual(address('[::1]:1'), ['::1', '1'])
  t.deepEqual(address('*:9256'), ['', '9256'])
  t.throws(() => address('9256'), { message: /must be HOST:PORT, :PORT or \*:PORT/ })
})

test('commands and what is no setting', (t) => {
  t.like(parseCommandLine([]), { command: 'run', help: false, once: false, config: undefined })
  t.like(parseCommandLine(['check-config', '-config.path', 'f']), {
    command: 'check-config',
    config: 'f',
  })
  t.like(parseCommandLine(['--once', '-h', '--version']), { once: true, help: true, version: true })
  t.like(parseCommandLine(['-man']), { help: true })
  t.deepEqual(flags('-web.config.file=f'), { 'web.config_file': 'f' })
  t.deepEqual(flags('-debug'), { 'log.level': 'debug' })
})

test('a second collection after a time, in the words of Go', (t) => {
  const once = (text: string) => parseCommandLine(['-once-to-stdout-delay', text])
  t.like(once('1m30s'), { once: true, onceDelay: 90_000 })
  t.like(once('300ms'), { once: true, onceDelay: 300 })
  t.like(once('0'), { once: false, onceDelay: 0 })
  t.like(parseCommandLine(['--once']), { once: true, onceDelay: 0 })
  for (const text of ['soon', '-1s', '2h', '']) {
    t.throws(() => once(text), { name: 'ConfigError', message: /must be a duration from 0s to 1h/ })
  }
})

test('a user to become, by numbers', (t) => {
  const user = (text: string) => parseCommandLine([`--user=${text}`]).user
  t.deepEqual(user('94640'), { uid: 94_640, gid: 94_640 })
  t.deepEqual(user('94640:0'), { uid: 94_640, gid: 0 })
  t.is(parseCommandLine([]).user, undefined)
  for (const text of ['nobody', '0', '0:5', '1:', '-1', '4294967295', '1:4294967295', '']) {
    t.throws(() => user(text), { name: 'ConfigError', message: /^--user: .*UID or UID:GID/ })
  }
})

test('what can not be meant is said', (t) => {
  const said = (message: RegExp, ...words: string[]) =>
    t.throws(() => flags(...words), { name: 'ConfigError', message })
  said(/^--procsf: unknown flag; did you mean --procfs\?/, '--procsf=/a')
  said(/^-config\.file: unknown flag; did you mean --config\.path\?/, '-config.file', 'x')
  said(/^-once-to-stdout: .*; did you mean --once-to-stdout-delay\?/, '-once-to-stdout')
  said(/^-web\.listen: .*; did you mean --web\.listen-address\?/, '-web.listen', ':1')
  said(/^-zzz: unknown flag; --help lists all$/, '-zzz')
  said(/^--constructor: unknown flag/, '--constructor')
  said(/^false: is no flag; a value of a boolean flag needs "="/, '-children', 'false', '-threads')
  said(/^-children: is "maybe" but must be true or false/, '-children=maybe')
  said(/^--procfs\.root: needs a value/, '--procfs.root')
  said(/^chek-config: unknown command; did you mean "check-config"/, 'chek-config')
})

test('help tells of every setting', (t) => {
  const help = helpText()
  for (const [path, { doc }] of Object.entries(SETTINGS)) {
    t.true(help.includes(doc), path)
    t.true(help.includes(`--${path.replaceAll('_', '-')}`), path)
  }
})

test('the references in docs are those of the program', (t) => {
  const page = (name: string) =>
    readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const tables = COLLECTORS.flatMap((collector) => collector.tables())
  t.is(page('configuration.md'), configurationReference(), 'stale: run `npm run docs`')
  t.is(page('metrics.md'), metricsReference(tables), 'stale: run `npm run docs`')
  t.is(page('../otel/registry.yaml'), conventionRegistry(), 'stale: run `npm run docs`')
})
