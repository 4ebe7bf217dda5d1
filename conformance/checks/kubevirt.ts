import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { launcherPod } from '../../test/support/launcher-pod.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import {
  attributesOf,
  pointsOf,
  type Receiver,
  startReceiver,
} from '../../test/support/receiver.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { Containerd } from '../containerd/containerd.ts'
import type { RunningContainer, RunningPod } from '../containerd/runtime.ts'
import { startAgent } from '../support/agent.ts'
import { run } from '../support/children.ts'
import { get } from '../support/http.ts'

const CPU = 'kubevirt_pod_infra_cpu_seconds_total'
const MEMORY = 'kubevirt_pod_infra_memory_amount_bytes'
const VMI_UID = '11111111-2222-4333-8444-555555555555'
const MACHINES = [
  { vm: 'db', namespace: 'shop' },
  { vm: 'web', namespace: 'shop' },
  { vm: 'db', namespace: 'test' },
]
const PROCESSES = ['virt-launcher-monitor', 'virt-launcher', 'virtqemud', 'virtlogd', 'qemu-kvm']
const TYPES = { [CPU]: ['user', 'system'], [MEMORY]: ['virtual', 'resident', 'shared', 'dirty'] }
const PATIENCE = 20_000
/** What the original prints of itself, without values. */
const DUMPED = [
  'kubevirt_info{branch,goversion,kubeversion,revision,version}',
  ...['user', 'system'].map((type) => `${CPU}{domain,host,process,type=${type}}`),
  ...['dirty', 'resident', 'shared', 'virtual'].map(
    (type) => `${MEMORY}{domain,host,process,type=${type}}`,
  ),
]

export const check: Check = {
  title:
    'the processes of virt-launcher pods, made up and in real containers, under their machines',

  async run(context) {
    const fabricated = await checkFabricated(context)
    await checkDump(context)
    const live = await checkLive(context)
    return `${fabricated} made-up and ${live} live series, on both outputs`
  },
}

/** Three machines on a made-up procfs, whose numbers are known. */
async function checkFabricated({ scope, print }: CheckContext): Promise<number> {
  const tree = new ProcfsTree()
  scope.onEnd(() => tree.dispose())
  const pods = MACHINES.map((machine, index) => ({
    ...machine,
    uid: VMI_UID,
    podUid: `2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c1${index}`,
    containerId: String(index).repeat(64),
    first: 1000 * (index + 1),
  }))
  const processes = Object.assign({}, ...pods.map(launcherPod)) as ReturnType<typeof launcherPod>
  for (const [pid, process] of Object.entries(processes)) tree.set(Number(pid), process)
  const receiver = await startReceiver()
  scope.onEnd(() => receiver.close())
  const agent = await startAgent(scope, [
    `--procfs.root=${tree.root}`,
    '--workloads.sources=none',
    ...pushTo(receiver),
  ])
  const samples = parseSamples(await get(`${agent.url}/metrics`))
  let count = 0
  for (const { vm, namespace, podUid, first } of pods) {
    for (const [index, name] of PROCESSES.entries()) {
      const of = { domain: vm, namespace, pod_uid: podUid, process: name }
      const { utime = 0, stime = 0 } = processes[first + index]
      const expected = {
        [CPU]: { user: utime / 100, system: stime / 100 },
        [MEMORY]: { virtual: 4096 * 100, resident: 4096 * 20, shared: 4096 * 7, dirty: 4096 * 50 },
      }
      for (const [family, values] of Object.entries(expected)) {
        for (const [type, value] of Object.entries(values)) {
          const found = find(samples, family, { ...of, type })
          require(found === value, `${family} ${type} of ${vm}/${name} is ${found}, not ${value}`)
          count++
        }
      }
    }
  }
  await compareOtlp(receiver, samples, PROCESSES.length * pods.length)
  print(
    `${pods.length} machines of ${PROCESSES.length} processes on a made-up procfs: all ${count} values`,
  )
  return count
}

/** `-M` gives every line that the original gives. */
async function checkDump({ print }: CheckContext): Promise<void> {
  const { code, output } = await run(process.execPath, ['dist/main.js', '-M'])
  require(code === 0, `-M ends with ${code}: ${output}`)
  const samples = parseSamples(output)
  for (const wanted of DUMPED) {
    const [, name, labels = ''] = /^(\w+)\{(.*)\}$/.exec(wanted) ?? []
    const found = samples.some(
      (sample) =>
        sample.name === name &&
        labels.split(',').every((label) => {
          const [key, value] = label.split('=')
          return key in sample.labels && (value === undefined || sample.labels[key] === value)
        }),
    )
    require(found, `-M does not print ${wanted}`)
  }
  print(`-M prints the ${DUMPED.length} lines that the original prints of itself`)
}

/** Two machines in real containers: one that its launcher names, and one that only the CRI can name. */
async function checkLive({ scope, print }: CheckContext): Promise<number> {
  const containerd = await Containerd.start(scope)
  const receiver = await startReceiver()
  scope.onEnd(() => receiver.close())
  const pod = await containerd.runPod({
    name: 'virt-launcher-db-x7k2p',
    namespace: 'shop',
    cgroupParent: '/kubepods/burstable/podPOD',
    labels: { 'kubevirt.io': 'virt-launcher' },
    annotations: { 'kubevirt.io/domain': 'db' },
  })
  const own = `--qemu-timeout 280s --name db --uid ${VMI_UID} --namespace shop`
  const container = await containerd.runContainer(
    pod,
    'compute',
    `/usr/bin/virt-launcher ${own} & /usr/sbin/virtqemud -f /var/run/libvirt/virtqemud.conf & ` +
      '/usr/sbin/virtlogd -f /etc/libvirt/virtlogd.conf & ' +
      '/usr/libexec/qemu-kvm -name guest=shop_db,debug-threads=on -machine q35 & ' +
      `exec /usr/bin/virt-launcher-monitor ${own}`,
  )
  const agent = await startAgent(scope, [
    `--workloads.cri-socket=${containerd.socket}`,
    ...pushTo(receiver),
  ])
  const scrape = async () => parseSamples(await get(`${agent.url}/metrics`))
  await untilFound(scrape, { domain: 'db', pod: pod.name, process: 'qemu-kvm' })
  const count = await compareWithKernel(scrape, pod, container)
  // The pod's own process may be met before the machine is known, and is read with it at the next collection.
  const deadline = Date.now() + PATIENCE
  let samples = await scrape()
  while (processesOf(samples).length <= PROCESSES.length && Date.now() < deadline) {
    samples = await scrape()
  }
  await compareOtlp(receiver, samples, PROCESSES.length + 1)
  print(`${count} values of a virt-launcher pod in containerd are what the kernel says`)
  await checkNames(containerd, { scope, print })
  await containerd.removePod(pod)
  // A collection that had begun before serves this scrape, too.
  const gone = Date.now() + PATIENCE
  while ((await scrape()).some(({ labels }) => labels.domain === 'db')) {
    require(Date.now() < gone, 'a machine that is gone has series')
    await delay(200)
  }
  print('a machine that is gone has no series any more')
  return count
}

/** Holds CPU times of a pod's processes against the kernel's, read before and after. */
async function compareWithKernel(
  scrape: () => Promise<Sample[]>,
  pod: RunningPod,
  { pid }: RunningContainer,
): Promise<number> {
  const pids = [pid, ...childrenOf(pid)]
  const read = () => new Map(pids.map((each) => [programOf(each), ticksOf(each)]))
  const before = read()
  const samples = await scrape()
  const after = read()
  let count = 0
  for (const name of PROCESSES) {
    for (const [index, type] of TYPES[CPU].entries()) {
      const value = find(samples, CPU, { domain: 'db', pod: pod.name, process: name, type })
      const least = (before.get(name)?.[index] ?? Number.NaN) / 100
      const most = (after.get(name)?.[index] ?? Number.NaN) / 100
      const isWithin = value !== undefined && least <= value && value <= most
      require(isWithin, `${type} of ${name} is ${value}, not in ${least}…${most}`)
      count++
    }
  }
  return count
}

/** A machine without a launcher's words: its PID without the CRI, its name with it. */
async function checkNames(containerd: Containerd, { scope, print }: CheckContext): Promise<void> {
  const pod = await containerd.runPod({
    name: 'mute',
    namespace: 'test',
    cgroupParent: '/kubepods/besteffort/podPOD',
    annotations: { 'kubevirt.io/domain': 'silent' },
  })
  const { pid } = await containerd.runContainer(pod, 'compute', 'exec /usr/sbin/libvirtd --listen')
  await containerd.stop()
  const agent = await startAgent(scope, [
    `--workloads.cri-socket=${containerd.socket}`,
    '--kubevirt.targets=[{"name":"libvirt","argv":["/usr/sbin/libvirtd*"]}]',
    '--collection.max-age=0',
  ])
  const scrape = async () => parseSamples(await get(`${agent.url}/metrics`))
  const domains = async () =>
    new Set((await scrape()).filter(({ name }) => name === CPU).map(({ labels }) => labels.domain))
  const away = [...(await domains())]
  require(away.length === 1 && away[0] === String(pid), `without the CRI: ${away}, not ${pid}`)
  await containerd.run()
  const deadline = Date.now() + PATIENCE
  while (!(await domains()).has('silent')) {
    require(Date.now() < deadline, 'with the CRI the machine has no name')
    await delay(100)
  }
  const back = [...(await domains())]
  require(back.length === 1, `the old series go on: ${back}`)
  print(`without the CRI it is ${pid}, with it "silent", and the old series have ended`)
}

function pushTo(receiver: Receiver): string[] {
  return [
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=300ms',
    '--collection.max-age=0',
  ]
}

/** A sample for each process. */
function processesOf(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ name, labels }) => name === MEMORY && labels.type === 'virtual')
}

/** Whether OTLP has the same machines and processes. */
async function compareOtlp(
  receiver: Receiver,
  samples: readonly Sample[],
  count: number,
): Promise<void> {
  const seen = receiver.requests.length
  await receiver.received(seen + 2)
  const points = pointsOf(receiver.requests.slice(-1))
    .filter(({ metric }) => metric.name === 'vm.process.memory.virtual')
    .map(({ point }) => point)
  const name = (...parts: readonly unknown[]) => parts.join('/')
  const pushed = points.map((point) => {
    const attributes = attributesOf(point)
    const { 'k8s.namespace.name': namespace, 'vm.name': vm } = attributes
    return name(namespace, vm, attributes['process.executable.name'])
  })
  const scraped = processesOf(samples).map(({ labels }) =>
    name(labels.namespace, labels.domain, labels.process),
  )
  require(JSON.stringify(pushed.sort()) ===
    JSON.stringify(scraped.sort()), `OTLP has ${pushed}, /metrics ${scraped}`)
  require(scraped.length ===
    count, `there are ${scraped.length} processes, not ${count}: ${scraped.join(', ')}`)
}

async function untilFound(
  scrape: () => Promise<Sample[]>,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const deadline = Date.now() + PATIENCE
  while (find(await scrape(), CPU, { ...labels, type: 'user' }) === undefined) {
    require(Date.now() < deadline, `there is no ${JSON.stringify(labels)}`)
    await delay(100)
  }
}

function find(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>>,
): number | undefined {
  const matches = (sample: Sample) =>
    sample.name === name &&
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  return samples.find(matches)?.value
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
}

function programOf(pid: number): string {
  const [path] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  return path.split('/').at(-1) as string
}

/** User and system time in clock ticks. */
function ticksOf(pid: number): [user: number, system: number] {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return [Number(fields[11]), Number(fields[12])]
}
