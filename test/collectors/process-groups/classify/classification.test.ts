/** Assignment of processes to groups; expected values are those of process-exporter 0.7.10. */
import test, { type ExecutionContext } from 'ava'
import { type GroupOptions, processGroups } from '../../../support/process-groups.ts'
import { ProcfsTree } from '../../../support/procfs-tree.ts'

/** Two programs by name, and a family around them. */
function family(t: ExecutionContext, options: GroupOptions = {}) {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  const add = (pid: number, name: string, ppid: number) =>
    procfs.set(pid, { comm: name, argv: [name], ppid })
  add(1, 'init', 0)
  add(100, 'par', 1)
  add(101, 'kid', 100)
  add(102, 'gkid', 101)
  add(103, 'own', 102)
  add(104, 'ownkid', 103)
  add(105, 'other', 1)
  add(106, 'orphan', 4711)
  const groups = processGroups(procfs.root, { rules: [{ exe: ['par', 'own'] }], ...options })
  const counts = async () => {
    const samples = await groups.collect()
    return [...samples]
      .filter(([key]) => key.startsWith('num_procs{'))
      .map(([key, value]) => [key.slice(10, -1), value])
  }
  return { procfs, add, counts }
}

test('children join the nearest ancestor that belongs to a group', async (t) => {
  const { counts } = family(t)
  t.deepEqual(Object.fromEntries(await counts()), { par: 3, own: 2 })
})

test('or they do not, when that is not wanted', async (t) => {
  const { counts } = family(t, { children: false })
  t.deepEqual(Object.fromEntries(await counts()), { par: 1, own: 1 })
})

test('a classification stays valid after re-parenting, after the exit of the parent, and for new grandchildren', async (t) => {
  const { procfs, add, counts } = family(t)
  await counts()
  add(101, 'kid', 1)
  t.deepEqual(Object.fromEntries(await counts()), { par: 3, own: 2 })
  procfs.remove(100)
  add(110, 'new', 101)
  t.deepEqual(Object.fromEntries(await counts()), { par: 3, own: 2 })
  add(111, 'new', 105)
  t.deepEqual(Object.fromEntries(await counts()), { par: 3, own: 2 })
})

test('parents in a circle end the search', async (t) => {
  const { add, counts } = family(t)
  add(200, 'a', 201)
  add(201, 'b', 200)
  add(202, 'self', 202)
  t.deepEqual(Object.fromEntries(await counts()), { par: 3, own: 2 })
})

test('names and selectors', async (t) => {
  const cases: [
    rule: NonNullable<GroupOptions['rules']>[number],
    argv: string[],
    comm: string,
    name: string | undefined,
  ][] = [
    [{ comm: ['app'] }, ['/usr/bin/app'], 'app', 'app'],
    [{ comm: ['App'] }, ['/usr/bin/app'], 'app', undefined],
    [{ comm: [] }, ['/usr/bin/app'], 'app', undefined],
    [{ exe: ['/usr/bin/app'] }, ['/usr/bin/app'], 'x', 'app'],
    [{ exe: ['bin/app'] }, ['/usr/bin/app'], 'x', undefined],
    [{ exe: ['app'] }, ['/usr/bin/app'], 'x', 'app'],
    [{ exe: ['/usr/bin/app'] }, ['app'], 'x', undefined],
    [{ exe: ['app/'] }, ['/usr/bin/app'], 'x', undefined],
    [{ exe: ['/usr/bin/app', '/opt/app'] }, ['/usr/bin/app'], 'x', 'app'],
    [{ exe: ['app'] }, [], 'app', undefined],
    [{ cmdline: [] }, ['/usr/bin/app'], 'app', 'app'],
    [
      { cmdline: ['app --flag two words', '^/usr', '(?i)APP --FLAG two words$'] },
      ['/usr/bin/app', '--flag', 'two words'],
      'x',
      'app',
    ],
    [{ cmdline: ['app', 'nothing'] }, ['/usr/bin/app'], 'x', undefined],
    [{ cmdline: ['.+'] }, [], 'kthread', undefined],
    [{ cmdline: ['^$'] }, [], 'kthread', 'kthread'],
    [{ comm: ['x'], exe: ['app'] }, ['/usr/bin/app'], 'y', undefined],
    [
      { name: '{{.ExeBase}}|{{.ExeFull}}|{{.Comm}}', cmdline: [] },
      ['/opt/bin/'],
      'c',
      'bin|/opt/bin/|c',
    ],
    [{ name: '{{.ExeBase}}|{{.ExeFull}}', cmdline: [] }, ['/'], 'c', '/|/'],
    [{ name: '{{.ExeBase}}', cmdline: [] }, ['./a//b/../c'], 'c', 'c'],
    [
      { name: '{{.ExeBase}}', cmdline: [] },
      ['nginx: master process /usr/sbin/nginx -g daemon off;'],
      'c',
      'nginx -g daemon off;',
    ],
    [
      { name: '{{.PID}} {{.Username}} {{.Cgroups}}', comm: ['c'] },
      ['a'],
      'c',
      '7 user1000 [/a /b:c]',
    ],
    [{ name: '{{.StartTime}}', comm: ['c'] }, ['a'], 'c', '2020-09-13 12:26:52.34 +0000 UTC'],
    [{ name: '{{.Matches}}', comm: ['c'] }, ['a'], 'c', 'map[]'],
    [{ name: '{{.Matches}}', cmdline: ['redis'] }, ['redis-se'], 'c', 'map[:redis]'],
    [{ name: '{{.Matches}}', cmdline: ['redis-(s)(e)'] }, ['redis-se'], 'c', 'map[:e]'],
    [{ name: '{{.Matches}}', cmdline: ['redis-(s)(e)(x)?'] }, ['redis-se'], 'c', 'map[:]'],
    [
      { name: '{{.Matches}}', cmdline: ['(?P<b>red)is-(?P<a>s)', ':([0-9]+)'] },
      ['redis-se', '*:6379'],
      'c',
      'map[:6379 a:s b:red]',
    ],
    [
      { name: '{{.Matches.b}} {{.Matches.z}}', cmdline: ['(?P<b>red)'] },
      ['redis'],
      'c',
      'red <no value>',
    ],
    [{ name: '{{.Program}}', comm: ['c'] }, ['a'], 'c', 'c'],
  ]
  for (const [rule, argv, comm, name] of cases) {
    const procfs = new ProcfsTree()
    try {
      procfs.set(7, { comm, argv, starttime: 1234, uid: 1000, cgroups: ['/a', '/b:c'] })
      const samples = await processGroups(procfs.root, { rules: [rule] }).collect()
      const groups = [...samples.keys()].filter((key) => key.startsWith('num_procs'))
      t.deepEqual(groups, name === undefined ? [] : [`num_procs{${name}}`], JSON.stringify(rule))
    } finally {
      procfs.dispose()
    }
  }
})

test('the first rule that matches counts', async (t) => {
  const { counts } = family(t, {
    rules: [
      { name: 'first', exe: ['par'] },
      { name: 'second', cmdline: ['par|own'] },
    ],
  })
  t.deepEqual(Object.fromEntries(await counts()), { first: 3, second: 2 })
})

test('a rule that can not be used says where and why', (t) => {
  const compile = (rule: object) => () => processGroups('/proc', { rules: [rule] })
  t.throws(compile({ cmdline: ['(?!x)'] }), {
    name: 'RuleError',
    message: /line 1: cmdline "\(\?!x\)"/,
  })
  t.throws(compile({ cmdline: ['a**'] }), { name: 'RuleError' })
  t.throws(compile({ name: '{{nope .Comm}}', cmdline: [] }), { message: /no function nope/ })
  t.throws(compile({ name: '{{.Comm', cmdline: [] }), { message: /no end/ })
})

test('of a process in no group nothing but stat is read again', async (t) => {
  const procfs = new ProcfsTree()
  t.teardown(() => procfs.dispose())
  procfs.set(1, { comm: 'ignored', ppid: 0 })
  const groups = processGroups(procfs.root, { rules: [{ name: 'x', comm: ['x'] }] })
  await groups.collect()
  // Whatever else is read now is missing, and counted.
  const files = [
    'status',
    'io',
    'fd',
    'limits',
    'smaps_rollup',
    'wchan',
    'task',
    'cmdline',
    'cgroup',
  ]
  procfs.set(1, { comm: 'ignored', ppid: 0, without: files })
  const samples = await groups.collect()
  t.deepEqual(
    [...samples].filter(([key]) => key.startsWith('procgroup_file_errors')),
    [],
  )
  t.is(samples.get('procgroup_collection_processes{ignored}'), 1)
})
