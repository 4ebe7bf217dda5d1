/** Virtual machines on made-up procfs trees, seen as Prometheus does. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { registerKubevirt } from '../../../src/collectors/kubevirt/collector.ts'
import { Members } from '../../../src/entities/group-members.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { TimeSlice } from '../../../src/telemetry/time-slice.ts'
import type { CgroupOwner } from '../../../src/workloads/cgroup-path.ts'
import { NameResolver } from '../../../src/workloads/name-resolver.ts'
import { Workloads } from '../../../src/workloads/workloads.ts'
import { type LauncherPod, launcherPod } from '../../support/launcher-pod.ts'
import { TestSource, testContainer, testPod } from '../../support/name-source.ts'
import { type Process, ProcfsTree } from '../../support/procfs-tree.ts'
import { servedText } from '../../support/served-text.ts'

const CPU = 'kubevirt_pod_infra_cpu_seconds_total'
const MEMORY = 'kubevirt_pod_infra_memory_amount_bytes'
const ONE: LauncherPod = {
  vm: 'db',
  namespace: 'shop',
  uid: '11111111-2222-4333-8444-555555555555',
  podUid: '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11',
  containerId: 'a'.repeat(64),
  first: 100,
}
/** Of the same name, in another namespace. */
const TWO: LauncherPod = {
  ...ONE,
  namespace: 'test',
  podUid: '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c22',
  containerId: 'b'.repeat(64),
  first: 200,
}
/** Clock ticks after boot, as made-up trees count them. */
const JUST_NOW = 99_999_900
const HOST: Record<number, Process> = {
  1: { comm: 'init', ppid: 0, cgroups: ['/init.scope'] },
  50: {
    argv: ['/usr/bin/virt-launcher', '--name', 'x'],
    cgroups: ['/user.slice'],
  },
  60: {
    argv: ['/usr/bin/redis'],
    cgroups: [`/kubepods/pod${ONE.podUid.replace('2b', '3c')}/${'c'.repeat(64)}`],
  },
}

function setUp(
  t: ExecutionContext,
  processes: Record<number, Process>,
  options: { targets?: { name: string; argv: string[] }[]; strict?: boolean; info?: boolean } = {},
) {
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  const set = (all: Record<number, Process>) => {
    for (const [pid, process] of Object.entries(all)) tree.set(Number(pid), process)
  }
  set(processes)
  const members = new Members()
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  const naming = { host: 'node-1', strict: options.strict ?? false }
  const scrape = servedText('kubevirt', (meter) =>
    registerKubevirt(
      meter,
      { targets: [], info: false, ...options, ...naming },
      {
        procfs: new Procfs(tree.root),
        system: { pageSize: 4096, ticksPerSecond: 100 },
        slice: new TimeSlice(),
        workloads: new Workloads(resolver, undefined),
        members,
      },
    ),
  )
  const lines = async (name = CPU) =>
    (await scrape())
      .split('\n')
      .filter((line) => line.startsWith(name))
      .map((line) => line.slice(name.length))
      .sort()
  return { tree, set, members, source, resolver, scrape, lines }
}

const labels = ({ vm, namespace, podUid }: LauncherPod, process: string) =>
  `domain="${vm}",host="node-1",namespace="${namespace}",pod_uid="${podUid}",process="${process}"`

test('a new process of which the collector of process groups knows the owner is read only when it may be one of a machine', async (t) => {
  const { tree, members, scrape } = setUp(t, { ...HOST, ...launcherPod(ONE) })
  const host: CgroupOwner = { scope: 'host', isMonitor: false }
  const pod: CgroupOwner = { scope: 'pod', podUid: ONE.podUid, isMonitor: false }
  const owners = new Map([
    [1, host],
    [50, host],
    [ONE.first, pod],
  ])
  members.offer({
    members: () => [],
    process: (pid) => {
      const owner = owners.get(pid)
      return owner && { start: 0, owner }
    },
  })
  for (const pid of [1, 50, 60]) writeFileSync(join(tree.root, String(pid), 'stat'), 'damaged')
  const text = await scrape()
  t.regex(text, /^kubevirt_reading_errors_total 1$/m)
  t.is(text.split('\n').filter((line) => line.startsWith(CPU)).length, 2 * 5)
})

test('every process of a virt-launcher pod is found by command lines alone, in the values of the original', async (t) => {
  const { lines } = setUp(t, { ...HOST, ...launcherPod(ONE), ...launcherPod(TWO) })
  const found = await lines()
  t.is(found.length, 2 * 5 * 2)
  for (const pod of [ONE, TWO]) {
    for (const [index, name] of [
      'virt-launcher-monitor',
      'virt-launcher',
      'virtqemud',
      'virtlogd',
      'qemu-kvm',
    ].entries()) {
      t.true(found.includes(`{${labels(pod, name)},type="user"} ${index + 1}`), name)
      t.true(found.includes(`{${labels(pod, name)},type="system"} ${(index + 1) / 10}`), name)
    }
  }
  t.deepEqual(
    (await lines(MEMORY)).filter(
      (line) => line.includes('process="qemu-kvm"') && line.includes('shop'),
    ),
    [
      `{${labels(ONE, 'qemu-kvm')},type="dirty"} ${50 * 4096}`,
      `{${labels(ONE, 'qemu-kvm')},type="resident"} ${20 * 4096}`,
      `{${labels(ONE, 'qemu-kvm')},type="shared"} ${7 * 4096}`,
      `{${labels(ONE, 'qemu-kvm')},type="virtual"} ${100 * 4096}`,
    ],
  )
})

test('processes of one name are summed; what one used stays when it ends; a machine that is gone ends at once', async (t) => {
  const { tree, set, lines } = setUp(t, launcherPod(ONE))
  const of = async (name: string) =>
    (await lines()).find((line) => line.includes(`process="${name}"`) && line.includes('user'))
  const [, , , , qemu] = Object.values(launcherPod(ONE))
  const disk = { ...qemu, argv: ['/usr/libexec/virtiofsd', '--x'], stime: 0, starttime: 9000 }
  set({ 110: { ...disk, utime: 30 }, 111: { ...disk, utime: 50 } })
  await lines()
  t.regex((await of('virtiofsd')) ?? '', / 0\.8$/)
  tree.remove(111)
  t.regex((await of('virtiofsd')) ?? '', / 0\.8$/)
  tree.remove(110)
  t.is(await of('virtiofsd'), undefined)
  t.regex((await of('qemu-kvm')) ?? '', / 5$/)
  for (const pid of Object.keys(launcherPod(ONE))) tree.remove(Number(pid))
  t.deepEqual(await lines(), [])
  t.deepEqual(await lines(MEMORY), [])
})

test('a process that executes another program counts for each in its time', async (t) => {
  const { tree, set, lines } = setUp(t, launcherPod(ONE))
  const [, , qemud] = Object.values(launcherPod(ONE))
  set({ 120: { ...qemud, utime: 40, starttime: 8000, stack: 1 } })
  await lines()
  t.true((await lines()).includes(`{${labels(ONE, 'virtqemud')},type="user"} 3.4`))
  set({
    120: {
      ...qemud,
      argv: ['/usr/bin/swtpm'],
      comm: 'swtpm',
      utime: 60,
      starttime: 8000,
      stack: 2,
    },
  })
  const after = await lines()
  t.true(after.includes(`{${labels(ONE, 'virtqemud')},type="user"} 3.4`))
  t.true(after.includes(`{${labels(ONE, 'swtpm')},type="user"} 0.2`))
  tree.remove(120)
})

test('a PID that is used again is another process', async (t) => {
  const { set, lines } = setUp(t, launcherPod(ONE))
  await lines()
  set({
    104: { argv: ['/usr/bin/redis'], cgroups: ['/system.slice/redis.service'], starttime: 99_000 },
  })
  t.is(
    (await lines()).filter((line) => line.includes('qemu-kvm') || line.includes('redis')).length,
    0,
  )
})

test('targets choose processes as the original does, and name by PID who nobody names', async (t) => {
  const targets = [
    { name: 'libvirt', argv: ['/usr/sbin/libvirtd*'] },
    { name: 'qemu', argv: ['/usr/*/qemu*'] },
  ]
  const container = 'd'.repeat(64)
  const { source, resolver, lines } = setUp(
    t,
    {
      ...HOST,
      ...launcherPod(ONE),
      300: {
        argv: ['/usr/sbin/libvirtd', '-l'],
        utime: 7,
        cgroups: [`/kubepods/besteffort/pod${TWO.podUid}/${container}`],
      },
    },
    { targets },
  )
  const [unnamed, ...others] = (await lines()).filter((line) => line.includes('user'))
  t.is(
    unnamed,
    `{domain="300",host="node-1",pod_uid="${TWO.podUid}",process="libvirtd",type="user"} 0.07`,
  )
  t.deepEqual(others, [`{${labels(ONE, 'qemu-kvm')},type="user"} 5`])
  const pod = testPod('virt-launcher-web-x7k2p', {
    uid: TWO.podUid,
    cgroupUid: TWO.podUid,
    namespace: 'test',
    annotations: new Map([['kubevirt.io/domain', 'web']]),
  })
  source.containers = [testContainer(container, 'compute', pod)]
  await resolver.refresh()
  const named = (await lines()).filter((line) => line.includes('libvirtd') && line.includes('user'))
  t.deepEqual(named, [
    `{domain="web",host="node-1",namespace="test",pod="virt-launcher-web-x7k2p",pod_uid="${TWO.podUid}",process="libvirtd",type="user"} 0.07`,
  ])
})

test('a pod that only its names tell to be a virt-launcher', async (t) => {
  const mute = Object.fromEntries(
    Object.entries(launcherPod(ONE)).map(([pid, process]) => [
      pid,
      { ...process, argv: ['/usr/bin/wrapped'] },
    ]),
  )
  const { source, resolver, lines } = setUp(t, mute)
  t.deepEqual(await lines(), [])
  const pod = testPod('x', {
    uid: ONE.podUid,
    cgroupUid: ONE.podUid,
    namespace: 'shop',
    labels: new Map([
      ['kubevirt.io', 'virt-launcher'],
      ['vm.kubevirt.io/name', 'db'],
    ]),
  })
  source.containers = [testContainer(ONE.containerId, 'compute', pod)]
  await resolver.refresh()
  t.true(
    (await lines()).includes(
      `{domain="db",host="node-1",namespace="shop",pod="x",pod_uid="${ONE.podUid}",process="wrapped",type="user"} 15`,
    ),
  )
})

test('the source and the target of a migration are told apart, and in strict mode are one', async (t) => {
  const target = { ...ONE, podUid: TWO.podUid, containerId: TWO.containerId, first: 200 }
  const processes = { ...launcherPod(ONE), ...launcherPod(target) }
  const users = async (lines: () => Promise<string[]>) =>
    (await lines()).filter((line) => line.includes('qemu-kvm') && line.includes('user'))
  t.deepEqual(await users(setUp(t, processes).lines), [
    `{${labels(ONE, 'qemu-kvm')},type="user"} 5`,
    `{${labels(target, 'qemu-kvm')},type="user"} 5`,
  ])
  const { lines, scrape } = setUp(t, processes, { strict: true, info: true })
  t.deepEqual(await users(lines), ['{domain="db",host="node-1",process="qemu-kvm",type="user"} 10'])
  const text = await scrape()
  t.true(text.includes(`# TYPE ${CPU} gauge`))
  t.true(
    text.includes('kubevirt_info{branch="",goversion="",kubeversion="",revision="",version="1"} 1'),
  )
})

test('who ends while it is read, or can not be read, costs only itself', async (t) => {
  const { tree, lines, scrape } = setUp(t, launcherPod(ONE))
  tree.damage(104, 'statm', '12')
  const text = await scrape()
  t.false(text.includes('process="qemu-kvm"'))
  t.true(text.includes('process="virtqemud"'))
  t.true(text.includes('kubevirt_reading_errors_total 1\n'))
  tree.damage(104, 'statm', '100 20 7 0 0 50 0\n')
  t.is((await lines()).filter((line) => line.includes('qemu-kvm')).length, 2)
})

test('while the same processes are listed, those are inspected again that are young or could not be read', async (t) => {
  const launcher = launcherPod(ONE)[ONE.first]
  const { tree, set, lines } = setUp(t, { ...HOST, [ONE.first]: launcher })
  tree.damage(ONE.first, 'stat', 'damaged')
  t.deepEqual(await lines(), [])
  set({ [ONE.first]: launcher })
  t.is((await lines()).length, 2)

  const young = { ...launcher, starttime: JUST_NOW }
  const other = setUp(t, { ...HOST, [ONE.first]: { ...young, argv: ['/bin/sh'], comm: 'sh' } })
  t.deepEqual(await other.lines(), [])
  other.set({ [ONE.first]: young })
  t.is((await other.lines()).length, 2)
})

test('processes that were listed before the one that says what the pod is are measured at once', async (t) => {
  const cgroups = [`/kubepods/burstable/pod${ONE.podUid}/${'d'.repeat(64)}`]
  // Some of so many are before the launcher in the order of the directory.
  const others = Array.from({ length: 20 }, (_, index): [number, Process] => [
    70 + index,
    { argv: [`/helper-${index}`], comm: `helper-${index}`, cgroups, starttime: 4000 },
  ])
  const { lines } = setUp(t, { ...HOST, ...Object.fromEntries(others), ...launcherPod(ONE) })
  const found = (await lines()).filter((line) => line.includes('process="helper-'))
  t.is(found.length, 2 * others.length)
})
