import test from 'ava'
import { compileRules } from '../../../../src/collectors/process-groups/classify/matcher.ts'
import { nameMappingRules } from '../../../../src/collectors/process-groups/classify/name-mapping.ts'
import { createRules } from '../../../../src/collectors/process-groups/classify/rules.ts'
import { groupName, PROCESS } from '../../../support/facts.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { ProcfsTree } from '../../../support/procfs-tree.ts'

/** What is named by `-procnames` and `-namemapping`, as process-exporter 0.7.10 groups it. */
const MAPPINGS: [names: string, mapping: string, groups: Record<string, number>][] = [
  ['bash,java', '', { bash: 1, java: 2 }],
  ['bash,java', 'java,-jar\\s+.*?([^/]+).jar', { bash: 1, 'java:foo': 1 }],
  ['', 'java,(nomatch)?(-jar)', { 'java:-jar': 1 }],
  ['', 'java,-jar', {}],
  ['java', 'java,-jar\\s+([^/]+).jar', {}],
  [' bash,,python2', '', { ' bash': 0, python2: 1 }],
]

for (const [names, mapping, groups] of MAPPINGS) {
  test(`procnames ${JSON.stringify(names)} with mapping ${JSON.stringify(mapping)}`, async (t) => {
    const procfs = new ProcfsTree()
    t.teardown(() => procfs.dispose())
    procfs.set(1, { comm: 'java', argv: ['/usr/bin/java', '-jar', '/opt/foo.jar'] })
    procfs.set(2, { comm: 'java', argv: ['/usr/bin/java', 'Main'] })
    procfs.set(3, { comm: 'bash', argv: ['bash'] })
    procfs.set(4, { comm: 'python2', argv: ['python2', '/x/run.py'] })
    const compiled = nameMappingRules(names, mapping)
    const samples = await processGroups(procfs.root, { compiled, children: false }).collect()
    const counts = [...samples].filter(([key]) => key.startsWith('num_procs'))
    t.deepEqual(
      Object.fromEntries(counts.map(([key, value]) => [key.slice(10, -1), value])),
      groups,
    )
  })
}

test('a mapping that can not be meant is refused', (t) => {
  t.throws(() => nameMappingRules('', 'java'), { message: /java has no regular expression/ })
  t.throws(() => nameMappingRules('', 'java,'), { message: /part 2 is empty/ })
  t.throws(() => nameMappingRules('', 'java,('), { message: /"\(": / })
  const both = {
    process_names: [],
    process_groups: { procnames: 'a', namemapping: '', builtin_rules: true, zero_rows: true },
    compat: { process_exporter: 'corrected' as const },
  }
  t.throws(() => createRules(both), { message: /exclude each other/ })
})

/** Constructs of Go's regular expressions: whether they are allowed, and whether they find `text`. */
const PATTERNS: [pattern: string, text: string, found: boolean | 'refused'][] = [
  ['(?i)APP', 'app', true],
  ['a(?i)b', 'aB', true],
  ['(?s)a.b', 'a\nb', true],
  ['a.b', 'a\nb', false],
  ['(?m)^b', 'a\nb', true],
  ['^b', 'a\nb', false],
  ['(?U)a+', 'aa', true],
  ['\\Aapp\\z', 'app', true],
  ['\\Qa.b\\E', 'a.b', true],
  ['\\Qa.b\\E', 'axb', false],
  ['\\x{e9}', 'é', true],
  ['\\pL', 'é', true],
  ['[[:alpha:]]+', 'abc', true],
  ['a{,3}', 'a{,3}', true],
  ['\\d', '٣', false],
  ['\\bapp\\b', 'an app', true],
  ['(?P<1st>a)', 'a', true],
  ['(?<n>a)', 'a', true],
  ['(?=a)', '', 'refused'],
  ['(?!a)', '', 'refused'],
  ['(?<=a)', '', 'refused'],
  ['(?>a)', '', 'refused'],
  ['a++', '', 'refused'],
  ['a**', '', 'refused'],
  ['(a)\\1', '', 'refused'],
  ['(?#x)', '', 'refused'],
  ['\\Z', '', 'refused'],
  ['\\h', '', 'refused'],
  ['a{1001}', '', 'refused'],
  ['a{2,1}', '', 'refused'],
  ['[a-\\d]', '', 'refused'],
  ['(?P<a-b>x)', '', 'refused'],
]

for (const [pattern, text, found] of PATTERNS) {
  test(`pattern ${pattern} in ${JSON.stringify(text)}: ${found}`, (t) => {
    const compile = () => compileRules([{ name: 'x', cmdline: [pattern], line: 1 }])
    if (found === 'refused') {
      t.throws(compile, { name: 'RuleError' })
      return
    }
    t.is(groupName(compile(), { ...PROCESS, argv: [text] }), found ? 'x' : undefined)
  })
}

test('children of init, as the rules of the Process Interrogator group them', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  procfs.set(1, { comm: 'systemd', argv: ['/usr/lib/systemd/systemd'], ppid: 0 })
  procfs.set(2, { comm: 'kthreadd', argv: [], ppid: 0 })
  procfs.set(3, { comm: 'kworker', argv: [], ppid: 2 })
  procfs.set(10, { comm: 'crio', argv: ['/usr/bin/crio'], ppid: 1 })
  procfs.set(20, { comm: 'conmon', argv: ['/usr/bin/conmon', '-c', 'x'], ppid: 1 })
  procfs.set(21, { comm: 'nginx', argv: ['nginx'], ppid: 20 })
  procfs.set(30, { comm: 'systemd', argv: ['/usr/lib/systemd/systemd', '--user'], ppid: 1 })
  const rules = [{ comm: ['systemd'] }, { ppid: [1] }]
  const samples = await processGroups(procfs.root, { rules }).collect()
  const counts = [...samples].filter(([key]) => key.startsWith('num_procs'))
  t.deepEqual(Object.fromEntries(counts), {
    'num_procs{systemd}': 2,
    'num_procs{crio}': 1,
    'num_procs{conmon}': 2,
  })
})

test('a process in no group is classified again when that is wanted, up to an age', async (t) => {
  const count = async (options: { recheck?: boolean; recheck_time_limit?: number }) => {
    const procfs = new ProcfsTree()
    t.teardown(() => procfs.dispose())
    const rules = [{ name: 'x', exe: ['after'] }]
    const groups = processGroups(procfs.root, { rules, ...options })
    procfs.set(1, { argv: ['before'], ppid: 0 })
    await groups.collect()
    procfs.set(1, { argv: ['after'], ppid: 0 })
    return (await groups.collect()).get('num_procs{x}')
  }
  t.is(await count({}), 0)
  t.is(await count({ recheck: true }), 1)
  t.is(await count({ recheck_time_limit: 3_600_000 }), 0)
  t.is(await count({ recheck_time_limit: Number.MAX_SAFE_INTEGER }), 1)
})

test('with other rules every process is classified again, and nothing counts twice', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  procfs.set(1, { comm: 'a', ppid: 0, utime: 100 })
  procfs.set(2, { comm: 'b', ppid: 1, utime: 100 })
  const groups = processGroups(procfs.root, { rules: [{ name: 'old', comm: ['a'] }] })
  await groups.collect()
  procfs.set(1, { comm: 'a', ppid: 0, utime: 200 })
  t.is((await groups.collect()).get('cpu_seconds_total{old,user}'), 1)
  groups.rules.reload(() => compileRules([{ name: 'new', comm: ['a'], line: 1 }]))
  procfs.set(1, { comm: 'a', ppid: 0, utime: 250 })
  procfs.set(2, { comm: 'b', ppid: 1, utime: 130 })
  const samples = await groups.collect()
  t.is(samples.get('cpu_seconds_total{old,user}'), 1)
  t.is(samples.get('num_procs{old}'), 0)
  t.is(samples.get('cpu_seconds_total{new,user}'), 0.8)
  t.is(samples.get('num_procs{new}'), 2)
  groups.rules.reload(() => compileRules([{ name: 'b', comm: ['b'], line: 1 }]))
  const narrowed = await groups.collect()
  t.is(narrowed.get('num_procs{new}'), 0)
  t.is(narrowed.get('num_procs{b}'), 1)
})
