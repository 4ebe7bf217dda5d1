/** Extensions of rules over those of process-exporter. */
import test, { type ExecutionContext } from 'ava'
import type { ProcessNameItem } from '../../../../src/collectors/process-groups/classify/matcher.ts'
import { type GroupOptions, processGroups } from '../../../support/process-groups.ts'
import { type Process, ProcfsTree } from '../../../support/procfs-tree.ts'

const LATE = 100_000_000_000

function node(t: ExecutionContext, processes: Record<number, Process>): ProcfsTree {
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  for (const [pid, process] of Object.entries(processes)) tree.set(Number(pid), process)
  return tree
}

/** The groups that have a number of processes, and the numbers. */
async function counts(groups: ReturnType<typeof processGroups>): Promise<Record<string, number>> {
  const samples = [...(await groups.collect())].filter(([key]) => key.startsWith('num_procs'))
  return Object.fromEntries(samples.map(([key, value]) => [key.slice(10, -1), value]))
}

const PROCESSES: Record<number, Process> = {
  1: { comm: 'init', argv: ['/sbin/init'], ppid: 0, uid: 0, cgroups: ['/init.scope'] },
  10: { comm: 'sshd', argv: ['sshd'], ppid: 1, uid: 0, cgroups: ['/system.slice/ssh.service'] },
  11: {
    comm: 'bash',
    argv: ['-bash'],
    ppid: 10,
    uid: 1000,
    cgroups: ['/user.slice/user-1000.slice'],
  },
  12: { comm: 'vim', argv: ['vim'], ppid: 11, uid: 1000, cgroups: ['/user.slice/user-1000.slice'] },
}

const SELECTIONS: [rule: Omit<ProcessNameItem, 'line'>, expected: Record<string, number>][] = [
  [{ name: 'x', cgroup: ['ssh\\.service$', '^/init'] }, { x: 2 }],
  [{ name: '{{.Matches.u}}', cgroup: ['user-(?P<u>\\d+)\\.slice'] }, { 1000: 2 }],
  [{ name: 'x', username: ['user1000'] }, { x: 2 }],
  [{ name: 'x', uid: [0] }, { x: 2 }],
  [{ name: 'x', uid: [0], comm: ['bash'] }, { x: 0 }],
  [{ name: 'x', parent: ['bash', 'sshd'] }, { x: 2 }],
  [{ name: '{{.Parent}}>{{.Comm}}:{{.UID}}', ppid: [11] }, { 'bash>vim:1000': 1 }],
  [{ name: 'x', not: { uid: [1000] } }, { x: 2 }],
  [{ name: 'x', cmdline: ['.'], not: { comm: ['vim'], parent: ['init'] } }, { x: 2 }],
]

for (const [rule, expected] of SELECTIONS) {
  test(`selected by ${JSON.stringify(rule)}`, async (t) => {
    const { root } = node(t, PROCESSES)
    t.deepEqual(await counts(processGroups(root, { rules: [rule], children: false })), expected)
  })
}

test('what a rule ignores is in no group: not by later rules, nor by its ancestors', async (t) => {
  const { root } = node(t, PROCESSES)
  const rules = [
    { comm: ['bash'], ignore: true },
    { name: '{{.Comm}}', comm: ['sshd', 'bash'] },
  ]
  // vim is a child of bash, and that of sshd.
  t.deepEqual(await counts(processGroups(root, { rules })), { sshd: 1 })
})

test('labels tell groups of one name apart', async (t) => {
  const { root } = node(t, PROCESSES)
  const rules = [{ name: 'all', cmdline: ['.'], labels: { user: '{{.Username}}', kind: 'x' } }]
  t.deepEqual(await counts(processGroups(root, { rules })), {
    'all,x,user0': 2,
    'all,x,user1000': 2,
  })
})

test('a group of a fixed name has no processes rather than no series', async (t) => {
  const tree = node(t, PROCESSES)
  const rules = [
    { name: 'web', comm: ['nginx'] },
    { name: 'web-{{.PID}}', comm: ['nginx'] },
  ]
  const groups = processGroups(tree.root, { rules })
  t.deepEqual(await counts(groups), { web: 0 })
  tree.set(20, { comm: 'nginx', starttime: LATE })
  t.deepEqual(await counts(groups), { web: 1 })
  t.deepEqual(await counts(processGroups(tree.root, { rules: [rules[0]], remove_empty: true })), {
    web: 1,
  })
  tree.remove(20)
  t.deepEqual(await counts(processGroups(tree.root, { rules, remove_empty: true })), {})
  t.deepEqual(await counts(processGroups(tree.root, { rules, strict: true })), {})
})

const PROGRAM: Process = { comm: 'sh', argv: ['sh'], ppid: 0, utime: 100 }
const BY_COMM = { rules: [{ name: '{{.Comm}}', cmdline: ['.'] }] }

test('a process that executes another program goes to its group, and nothing counts twice', async (t) => {
  const execute = async (options: GroupOptions) => {
    const tree = node(t, { 1: PROGRAM })
    const groups = processGroups(tree.root, { ...BY_COMM, ...options })
    await groups.collect()
    tree.set(1, { ...PROGRAM, comm: 'nginx', argv: ['nginx'], utime: 130 })
    const samples = await groups.collect()
    return ['sh', 'nginx'].map((name) => [
      samples.get(`num_procs{${name}}`),
      samples.get(`cpu_seconds_total{${name},user}`),
    ])
  }
  t.deepEqual(await execute({}), [
    [0, 0],
    [1, 0.3],
  ])
  t.deepEqual(await execute({ regroup: 'off' }), [
    [1, 0.3],
    [undefined, undefined],
  ])
})

test('a process that executes the same name from another command line is noticed by its stack', async (t) => {
  const rules = [{ name: '{{.ExeFull}}', cmdline: ['.'] }]
  const tree = node(t, { 1: { argv: ['/a/app'], stack: 1000 } })
  const groups = processGroups(tree.root, { rules })
  t.deepEqual(await counts(groups), { '/a/app': 1 })
  tree.set(1, { argv: ['/b/app'], stack: 1000 })
  t.deepEqual(await counts(groups), { '/a/app': 1 })
  tree.set(1, { argv: ['/b/app'], stack: 2000 })
  t.deepEqual(await counts(groups), { '/a/app': 0, '/b/app': 1 })
})

test('a process that rewrites its title is noticed where that is wanted', async (t) => {
  const rules = [{ name: '{{.Matches.what}}', cmdline: ['worker (?P<what>\\w+)'] }]
  const rewrite = async (regroup: 'exec' | 'title') => {
    const tree = node(t, { 1: { argv: ['worker idle'], utime: 100 } })
    const groups = processGroups(tree.root, { rules, regroup })
    await groups.collect()
    await groups.collect()
    tree.set(1, { argv: ['worker busy'], utime: 130 })
    const samples = await groups.collect()
    return [samples.get('num_procs{idle}'), samples.get('cpu_seconds_total{busy,user}')]
  }
  t.deepEqual(await rewrite('title'), [0, 0.3])
  t.deepEqual(await rewrite('exec'), [1, undefined])
})

test('an exited process counts once, also while the next process with its PID cannot be classified', async (t) => {
  const procfs = node(t, { 100: {}, 101: {} })
  const groups = processGroups(procfs.root)
  const exits = async () => (await groups.collect()).get('procgroup_process_exits_total{app}')
  t.is(await exits(), 0)
  procfs.set(100, { starttime: 2000, without: ['cmdline'] })
  t.is(await exits(), 1)
  t.is(await exits(), 1)
})

test('a process whose new program could not be classified is classified at the next collection', async (t) => {
  const procfs = node(t, { 100: { comm: 'shell' } })
  const groups = processGroups(procfs.root)
  t.is((await groups.collect()).get('num_procs{shell}'), 1)
  procfs.set(100, { comm: 'app', stack: 1, without: ['cmdline'] })
  await groups.collect()
  procfs.set(100, { comm: 'app', stack: 1 })
  t.is((await groups.collect()).get('num_procs{app}'), 1)
})

test('exits and restarts', async (t) => {
  const tree = node(t, { 1: PROGRAM, 2: PROGRAM })
  const groups = processGroups(tree.root, BY_COMM)
  const life = async () => {
    const samples = await groups.collect()
    const value = (name: string) => samples.get(`procgroup_${name}{sh}`)
    return [value('process_exits_total'), value('restarts_total'), value('uptime_seconds')]
  }
  const [exits, restarts, uptime = 0] = await life()
  t.deepEqual([exits, restarts], [0, 0])
  t.true(uptime > 100_000_000)
  tree.remove(1)
  t.deepEqual((await life()).slice(0, 2), [1, 0])
  tree.set(2, { ...PROGRAM, starttime: LATE })
  t.deepEqual((await life()).slice(0, 2), [2, 1])
  tree.remove(2)
  t.deepEqual(await life(), [3, 1, undefined])
  tree.set(3, { ...PROGRAM, starttime: LATE })
  t.deepEqual((await life()).slice(0, 2), [3, 2])
})

test('the largest groups of a rule are shown, the others in sum, each use once', async (t) => {
  const process = (utime: number, rss = 2): Process => ({ ppid: 0, utime, rss })
  const tree = node(t, { 1: process(0), 2: process(0), 3: process(0) })
  const limit = { top: 1, by: 'cpu', other: 'rest' } as const
  const rules = [{ name: 'p{{.PID}}', cmdline: ['.'], limit }]
  const groups = processGroups(tree.root, { rules })
  const used = async () => {
    const samples = [...(await groups.collect())]
    const shown = samples.filter(([key]) => /^cpu_seconds_total{[^,]*,user}/.test(key))
    return Object.fromEntries(shown.map(([key, value]) => [key.slice(18, -6), value]))
  }
  t.deepEqual(await used(), { p1: 0, rest: 0 })
  tree.set(2, process(100))
  tree.set(3, process(10))
  t.deepEqual(await used(), { p2: 1, rest: 0.1 })
  tree.set(2, process(110))
  tree.set(3, process(50))
  // What p3 used before is in the sum of the others, and stays there.
  t.deepEqual(await used(), { p3: 0.4, rest: 0.2 })
  tree.set(2, process(300))
  const samples = await groups.collect()
  t.is(samples.get('cpu_seconds_total{p2,user}'), 2.9)
  t.is(samples.get('num_procs{rest}'), 2)
  t.is(samples.get('memory_bytes{rest,resident}'), 4 * 4096)
})

test('an exit in a group that is not shown counts once in the sum of the others', async (t) => {
  const process = (comm: string, utime: number): Process => ({ ppid: 0, comm, utime })
  const tree = node(t, { 1: process('busy', 0), 2: process('calm', 0), 3: process('calm', 0) })
  const limit = { top: 1, by: 'cpu', other: 'rest' } as const
  const groups = processGroups(tree.root, {
    rules: [{ name: '{{.Comm}}', cmdline: ['.'], limit }],
  })
  const exits = async (utime: number) => {
    tree.set(1, process('busy', utime))
    return [...(await groups.collect())].find(([key]) => /exits.*rest/.test(key))?.[1]
  }
  t.is(await exits(100), 0)
  tree.remove(3)
  t.is(await exits(200), 1)
  t.is(await exits(300), 1)
  t.is(await exits(400), 1)
})

test('without a name for the others only the largest are shown', async (t) => {
  const { root } = node(t, { 1: { rss: 1 }, 2: { rss: 3 }, 3: { rss: 2 } })
  const limit = { top: 2, by: 'memory', other: undefined } as const
  const rules = [{ name: 'p{{.PID}}', cmdline: ['.'], limit }]
  t.deepEqual(await counts(processGroups(root, { rules })), { p2: 1, p3: 1 })
})
