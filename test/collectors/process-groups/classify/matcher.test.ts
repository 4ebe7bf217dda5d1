/** Selectors, captures and names of single rules, as process-exporter 0.7.10 has them. */
import test from 'ava'
import { baseName } from '../../../../src/collectors/process-groups/classify/facts.ts'
import {
  compileRules,
  type ProcessNameItem,
} from '../../../../src/collectors/process-groups/classify/matcher.ts'
import { groupName, PROCESS } from '../../../support/facts.ts'

/** The group of a process with the arguments, by one rule. */
function groupOf(rule: Omit<ProcessNameItem, 'line'>, argv: readonly string[]) {
  return groupName(compileRules([{ ...rule, line: 1 }]), { ...PROCESS, argv })
}

const BASE_NAMES: [path: string, name: string][] = [
  ['/usr/bin/app', 'app'],
  ['app', 'app'],
  ['/opt/bin/', 'bin'],
  ['./a//b/../c', 'c'],
  ['a///', 'a'],
  ['/', '/'],
  ['//', '/'],
  ['', '.'],
  ['..', '..'],
]

for (const [path, name] of BASE_NAMES) {
  test(`the base name of ${JSON.stringify(path)} is ${name}`, (t) => {
    t.is(baseName(path), name)
  })
}

const EXE: [entries: string[], program: string | undefined, matches: boolean][] = [
  [['app'], '/usr/bin/app', true],
  [['app'], 'app', true],
  [['App'], 'app', false],
  [['/usr/bin/app'], '/usr/bin/app', true],
  [['/usr/bin/app'], '/opt/app', false],
  [['/usr/bin/app'], 'app', false],
  [['bin/app'], '/usr/bin/app', false],
  [['app/'], '/usr/bin/app', false],
  [['.'], '', true],
  [['nginx -g daemon off;'], 'nginx: master process /usr/sbin/nginx -g daemon off;', true],
  [[], '/usr/bin/app', false],
  [['app'], undefined, false],
  // Here process-exporter obeys only the last of the entries.
  [['/usr/bin/app', '/opt/app'], '/usr/bin/app', true],
  [['app', '/opt/app'], '/usr/bin/app', true],
  [['/opt/app', 'app'], '/usr/bin/app', true],
]

for (const [exe, program, matches] of EXE) {
  test(`exe ${JSON.stringify(exe)} and argv[0] ${JSON.stringify(program)}: ${matches}`, (t) => {
    const argv = program === undefined ? [] : [program, 'argument']
    t.is(groupOf({ name: 'x', exe }, argv), matches ? 'x' : undefined)
  })
}

const NAMES: [rule: Omit<ProcessNameItem, 'line'>, argv: string[], name: string | undefined][] = [
  [{ name: '', cmdline: [] }, ['/a/b'], 'b'],
  [{ cmdline: [] }, ['/a/b'], 'b'],
  [{ cmdline: [] }, [''], '.'],
  [{ cmdline: [] }, [], 'app'],
  [{ name: '{{.ExeFull}}', cmdline: ['^$'] }, [], 'app'],
  [{ name: '{{.Program}}', cmdline: [] }, ['/a/b'], 'program'],
  [{ name: '{{.Nope}}', cmdline: [] }, [], ''],
  [{ name: ' {{.PID}}  ', cmdline: [] }, [], ' 7  '],
  [{ name: '{{.StartTime}}', cmdline: [] }, [], '2017-10-19 22:52:51.19 +0000 UTC'],
  [{ name: '{{.Cgroups}}', cmdline: [] }, [], '[]'],
  [
    { name: 'x', cmdline: ['app --flag two words', '^/u', '(?i)WORDS$'] },
    ['/u/app', '--flag', 'two words'],
    'x',
  ],
  [{ name: 'x', cmdline: ['app', 'other'] }, ['app'], undefined],
  [{ name: 'x', comm: ['app'], exe: ['app'], cmdline: ['^app$'], ppid: [1] }, ['app'], 'x'],
  [{ name: 'x', comm: ['app'], exe: ['other'] }, ['app'], undefined],
  [{ name: 'x', comm: ['app'], ppid: [2, 3] }, ['app'], undefined],
  [{ name: '{{.Matches}}', comm: ['app'] }, [], 'map[]'],
  [{ name: '{{.Matches}}', cmdline: ['redis'] }, ['redis-se'], 'map[:redis]'],
  [{ name: '{{.Matches}}', cmdline: ['redis-(s)(e)'] }, ['redis-se'], 'map[:e]'],
  [{ name: '{{.Matches}}', cmdline: ['redis-(s)(e)(x)?'] }, ['redis-se'], 'map[:]'],
  [
    { name: '{{.Matches}}', cmdline: ['(?P<b>redis)-(?P<a>s)', '(x)?:(?P<c>(6379))'] },
    ['redis-se', '*:6379'],
    'map[:6379 a:s b:redis c:6379]',
  ],
  [{ name: '{{.Matches.n}}', cmdline: ['(?P<n>a)', '(?P<n>b)'] }, ['ab'], 'b'],
  [{ name: '{{.Matches.n}}', cmdline: ['(?P<n>a)(?P<n>b)'] }, ['ab'], 'b'],
  [{ name: '{{.Matches}}', cmdline: ['(?P<n>a)(?P<n>x)?'] }, ['ab'], 'map[:a n:]'],
  [{ name: '{{.Matches.n}}|{{index .Matches "n"}}', cmdline: ['a'] }, ['a'], '<no value>|'],
]

for (const [rule, argv, name] of NAMES) {
  test(`${JSON.stringify(rule)} names ${JSON.stringify(argv)} ${JSON.stringify(name)}`, (t) => {
    t.is(groupOf(rule, argv), name)
  })
}

test('captures of a rule that does not match in the end are not in the next one', (t) => {
  const rules = compileRules([
    { name: 'first', cmdline: ['(?P<x>a)', 'nothing'], line: 1 },
    { name: '{{.Matches}}', cmdline: ['b'], line: 2 },
  ])
  t.is(groupName(rules, { ...PROCESS, argv: ['ab'] }), 'map[:b]')
})

test('facts that cost something are read only for a template that uses them', (t) => {
  const read: string[] = []
  const fact = <T>(name: string, value: T) => {
    return () => {
      read.push(name)
      return value
    }
  }
  const facts = {
    ...PROCESS,
    username: fact('username', 'root'),
    cgroups: fact('cgroups', ['/a']),
    program: fact('program', 'x'),
  }
  const match = (name: string) => groupName(compileRules([{ name, cmdline: [], line: 1 }]), facts)
  t.is(match('{{.Comm}}{{if false}}{{.Username}}{{end}}{{or .PID .Cgroups}}'), 'app7')
  t.deepEqual(read, [])
  t.is(match('{{.Username}}{{.Program}}{{.Cgroups}}'), 'rootx[/a]')
  t.deepEqual(read, ['username', 'program', 'cgroups'])
})

test('every wrong template and expression is reported with its line', (t) => {
  const items = [
    { name: '{{.Comm', cmdline: ['(', 'a', '\\Z'], line: 3 },
    { name: '{{nope}}', comm: ['a'], line: 9 },
  ]
  const error = t.throws(() => compileRules(items), { name: 'RuleError' }) as Error
  const lines = error.message.split('\n')
  t.is(lines.length, 4)
  t.regex(lines[0], /^line 3: cmdline "\(": error parsing regexp: missing closing \)/)
  t.regex(lines[1], /^line 3: cmdline "\\\\Z": error parsing regexp: invalid escape sequence/)
  t.regex(lines[2], /^line 3: name "{{.Comm": an action {{ has no end/)
  t.regex(lines[3], /^line 9: name "{{nope}}": there is no function nope/)
})
