/** Groups by container and pod, as names become known. */
import { readFileSync } from 'node:fs'
import type { DataPoint } from '@opentelemetry/sdk-metrics'
import test, { type ExecutionContext } from 'ava'
import { parse } from 'yaml'
import { toSeconds } from '../../../../src/telemetry/time.ts'
import { NameResolver } from '../../../../src/workloads/name-resolver.ts'
import { Workloads } from '../../../../src/workloads/workloads.ts'
import { TestSource, testContainer, testPod } from '../../../support/name-source.ts'
import { type GroupOptions, processGroups } from '../../../support/process-groups.ts'
import { type Process, ProcfsTree } from '../../../support/procfs-tree.ts'

const UID = '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const inPod = (id: string) => `/kubepods/burstable/pod${UID}/${id}`
const POD = testPod('web-1', { uid: UID, namespace: 'shop', labels: new Map([['app', 'web']]) })

function setUp(
  t: ExecutionContext,
  processes: Record<number, Process>,
  options: GroupOptions = {},
) {
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  for (const [pid, process] of Object.entries(processes)) tree.set(Number(pid), process)
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  const workloads = new Workloads(resolver, undefined)
  const groups = processGroups(tree.root, { ...options, workloads })
  /** Samples by name, with all their labels. */
  const samples = async (name: string) => {
    const lines = (await groups.text()).split('\n')
    return lines
      .filter((line) => line.startsWith(`${name}{`))
      .map((line) => line.slice(name.length))
  }
  return { tree, source, resolver, samples, snapshot: () => groups.sampler.snapshot() }
}

const NODE: Record<number, Process> = {
  1: { comm: 'init', ppid: 0, cgroups: ['/init.scope'] },
  10: { comm: 'nginx', ppid: 1, utime: 100, cgroups: [inPod(A)] },
  11: { comm: 'nginx', ppid: 10, cgroups: [`${inPod(B)}/deeper`] },
  12: { comm: 'nginx', ppid: 1, cgroups: ['/system.slice/nginx.service'] },
}

test('the rules of docs/workloads.md count no process of a pod with the host that started it', async (t) => {
  const page = readFileSync(new URL('../../../../docs/workloads.md', import.meta.url), 'utf8')
  const [, yaml = ''] = /```yaml\n(process_names:.*?)```/s.exec(page) ?? []
  const { process_names: rules } = parse(yaml)
  const processes: Record<number, Process> = {
    1: { comm: 'init', ppid: 0, cgroups: ['/init.scope'] },
    9: { comm: 'shim', ppid: 1, cgroups: ['/system.slice/containerd.service'] },
    10: { comm: 'nginx', ppid: 9, cgroups: [inPod(A)] },
  }
  const { samples } = setUp(t, processes, { rules })
  t.deepEqual(await samples('namedprocess_namegroup_num_procs'), [
    '{groupname="init"} 1',
    '{groupname="shim"} 1',
  ])
  // Which is what happens without the last rule.
  const without = setUp(t, processes, { rules: rules.slice(0, -1) })
  t.deepEqual(await without.samples('namedprocess_namegroup_num_procs'), [
    '{groupname="init"} 1',
    '{groupname="shim"} 2',
  ])
})

test('a group is divided among containers, and named when names are known', async (t) => {
  const { tree, source, resolver, samples } = setUp(t, NODE, { by_workload: true })
  t.deepEqual(await samples('namedprocess_namegroup_num_procs'), [
    '{groupname="init"} 1',
    `{container_id="${A}",groupname="nginx"} 1`,
    `{container_id="${B}",groupname="nginx"} 1`,
    '{groupname="nginx"} 1',
  ])
  source.containers = [testContainer(A, 'main', POD), testContainer(B, 'side', POD)]
  await resolver.refresh()
  tree.set(10, { ...NODE[10], utime: 150 })
  const named = `container_id="${A}",container_name="main",groupname="nginx"`
  t.true(
    (await samples('namedprocess_namegroup_cpu_seconds_total')).includes(
      `{${named},mode="user",namespace="shop",pod_name="web-1"} 0.5`,
    ),
  )
  t.true(
    (await samples('namedprocess_namegroup_thread_count')).includes(
      `{${named},namespace="shop",pod_name="web-1",threadname="nginx"} 1`,
    ),
  )
})

test('a thread name keeps its start when its group is named', async (t) => {
  const { tree, source, resolver, snapshot } = setUp(t, NODE, { by_workload: true })
  const starts = async () => {
    const { scopes } = await snapshot()
    const metrics = scopes.flatMap(({ metrics }) => metrics)
    const points = metrics.find(({ descriptor }) => descriptor.name === 'procgroup.thread.cpu.time')
      ?.dataPoints as DataPoint<number>[]
    return new Map(
      points.flatMap(({ attributes, startTime }) =>
        attributes['container.id'] === A
          ? [[String(attributes['procgroup.thread.name']), toSeconds(startTime)]]
          : [],
      ),
    )
  }
  await starts()
  await new Promise((resolve) => setTimeout(resolve, 5))
  await starts()
  tree.set(10, { ...NODE[10], threads: { 10: { comm: 'nginx' }, 13: { comm: 'worker' } } })
  const before = await starts()
  t.true((before.get('worker') as number) > (before.get('nginx') as number))
  source.containers = [testContainer(A, 'main', POD)]
  await resolver.refresh()
  await starts()
  t.deepEqual(await starts(), before)
})

test('what all processes outside of pods use is one query without a rule', async (t) => {
  const { resolver, source, samples } = setUp(t, NODE, { by_workload: true })
  source.containers = [testContainer(A, 'main', POD), testContainer(B, 'side', POD)]
  await resolver.refresh()
  const host = (await samples('namedprocess_namegroup_num_procs')).filter(
    (sample) => !sample.includes('pod_name='),
  )
  t.deepEqual(host, ['{groupname="init"} 1', '{groupname="nginx"} 1'])
})

test('the groups of a container end with its last process', async (t) => {
  const { tree, samples } = setUp(t, NODE, { by_workload: true })
  t.is((await samples('namedprocess_namegroup_num_procs')).length, 4)
  tree.remove(10)
  t.is((await samples('namedprocess_namegroup_num_procs')).length, 3)
})

test('children inherit the name of a group, not its container', async (t) => {
  const rules = [{ name: 'shim', comm: ['init'] }]
  const { samples } = setUp(t, NODE, { rules, by_workload: true })
  t.deepEqual((await samples('namedprocess_namegroup_num_procs')).sort(), [
    `{container_id="${A}",groupname="shim"} 1`,
    `{container_id="${B}",groupname="shim"} 1`,
    '{groupname="shim"} 2',
  ])
})

test('processes and threads of each container, and of the host, whatever rules say', async (t) => {
  const threads = { 11: {}, 21: {}, 31: {} }
  const node = { ...NODE, 11: { ...NODE[11], threads } }
  const { resolver, source, samples } = setUp(t, node, { rules: [{ comm: ['none'] }] })
  source.containers = [
    testContainer(A, 'main', POD),
    { ...testContainer(B, '', POD), isSandbox: true },
  ]
  await resolver.refresh()
  const pod = 'namespace="shop",pod_name="web-1",scope="pod"'
  t.deepEqual((await samples('workload_threads')).sort(), [
    `{container_id="${A}",container_name="main",${pod}} 1`,
    `{container_id="${B}",container_name="POD",${pod}} 3`,
    '{scope="host"} 2',
  ])
})

test('rules by names wait for them', async (t) => {
  const rules = [
    { name: '{{.Namespace}}/{{.Pod}}/{{.PodLabels.app}}', namespace: ['sh*'], container: ['main'] },
    { name: 'host', scope: ['host'] },
  ]
  const { tree, source, resolver, samples } = setUp(t, NODE, { rules, children: false })
  t.deepEqual(await samples('namedprocess_namegroup_num_procs'), ['{groupname="host"} 2'])
  source.containers = [testContainer(A, 'main', POD), testContainer(B, 'side', POD)]
  await resolver.refresh()
  tree.set(10, { ...NODE[10], utime: 150 })
  t.deepEqual(await samples('namedprocess_namegroup_num_procs'), [
    '{groupname="host"} 2',
    '{groupname="shop/web-1/web"} 1',
  ])
})

test('a process whose cgroup can not be read belongs to nobody', async (t) => {
  const node = { 10: { ...NODE[10], without: ['cgroup'] } }
  const { samples } = setUp(t, node, { by_workload: true })
  t.deepEqual(await samples('namedprocess_namegroup_num_procs'), ['{groupname="nginx"} 1'])
  t.deepEqual(await samples('workload_processes'), [])
  t.deepEqual(await samples('procgroup_file_errors_total'), [
    '{error_type="ENOENT",process_file="cgroup"} 1',
  ])
})

test("CPU of all that is in no pod, on a node of CRI-O's: by a query, and as the old rules had it", async (t) => {
  const monitor = (id: string) => `/system.slice/crio-conmon-${id}.scope`
  const start = (utime: number): Record<number, Process> => ({
    1: { comm: 'systemd', argv: ['/usr/lib/systemd/systemd'], ppid: 0, cgroups: ['/init.scope'] },
    20: { comm: 'crio', argv: ['crio'], ppid: 1, utime, cgroups: ['/system.slice/crio.service'] },
    21: {
      comm: 'kubelet',
      argv: ['kubelet'],
      ppid: 1,
      utime,
      cgroups: ['/kubelet.slice/x.service'],
    },
    30: { comm: 'conmon', argv: ['conmon'], ppid: 1, utime, cgroups: [monitor(A)] },
    31: { comm: 'nginx', argv: ['nginx'], ppid: 30, utime, cgroups: [inPod(A)] },
    32: { comm: 'worker', argv: ['nginx: worker'], ppid: 31, utime, cgroups: [inPod(A)] },
  })
  const used = async (options: GroupOptions, isOurs: (labels: string) => boolean) => {
    const { tree, samples } = setUp(t, start(100), options)
    await samples('namedprocess_namegroup_num_procs')
    for (const [pid, process] of Object.entries(start(300))) tree.set(Number(pid), process)
    const cpu = await samples('namedprocess_namegroup_cpu_seconds_total')
    return cpu.filter(isOurs).reduce((sum, sample) => sum + Number(sample.split(' ').at(-1)), 0)
  }
  const old = await used({ rules: [{ comm: ['systemd'] }, { ppid: [1] }] }, (labels) =>
    /groupname="(?!conmon)/.test(labels),
  )
  const query = await used(
    { by_workload: true },
    (labels) => !/container_id=|pod_name=|groupname="conmon"/.test(labels),
  )
  t.is(old, 4)
  t.is(query, old)
})
