import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import { type Check, require } from '../check.ts'
import { makeImages } from '../containerd/image.ts'
import { imageArchive } from '../deploy/image.ts'
import { agentsOf, type Build, buildAll, objectsOf } from '../deploy/manifests.ts'
import { Agent } from '../kubernetes/agents.ts'
import { AppliedBuild, type Probed, withProbe } from '../kubernetes/builds.ts'
import { collectorBuilds } from '../kubernetes/collectors.ts'
import { spendDay } from '../kubernetes/day.ts'
import { applyDefinitions } from '../kubernetes/definitions.ts'
import { compareWithKubelet } from '../kubernetes/kubelet-metrics.ts'
import { KubernetesNode, NODE, type NodeOptions } from '../kubernetes/node.ts'
import { buildPrograms, type Programs } from '../kubernetes/programs.ts'
import { startOperator, startPrometheus } from '../kubernetes/prometheus.ts'
import { Gateway, isSending, SIDECAR, sendingToNode } from '../kubernetes/sidecar.ts'
import { Scope } from '../support/children.ts'
import { mebibytes } from '../support/memory.ts'
import { allOf } from '../support/parallel.ts'

const WORKLOADS = fileURLToPath(new URL('../kubernetes/workloads.yaml', import.meta.url))
const CROWD = fileURLToPath(new URL('../kubernetes/crowd.yaml', import.meta.url))
const STATIC_POD = fileURLToPath(new URL('../kubernetes/static-pod.yaml', import.meta.url))
/** What containerd before 2.0 leaves writable below the read-only mount of /proc; docs/security.md says so. */
const BELOW_PROC = '/host/proc/sys/fs/binfmt_misc/'
const COVERED = 'base with containerd-1'
const UNPRIVILEGED = 'base with without-capabilities'
/** The builds of deploy/ and otel/ one after the other; the chart through a day of a cluster. */
const ALL_PARTS = ['builds', 'day']
const WITHOUT_ROOT = 'base with without-root'
/** The number that the agent has there. */
const OWN_USER = 94_640
const BY_BPF = 'base with bpf'
const WITHOUT_SOCKETS = 'base with without-runtime-sockets'
/** The build that is also run without the agent's seccomp filter, which shows that the probe would find what can be written. */
const UNFILTERED = 'base'
/** Builds without a source of names. */
const NAMELESS = new Set([UNPRIVILEGED, WITHOUT_ROOT, BY_BPF, WITHOUT_SOCKETS])
/** Builds whose pods differ in what makes them Ready. */
const STOPPING = new Set(['base', SIDECAR])
/** A build whose page has no series by container: its file says what is a group. */
const BY_OWN_RULES = 'process-exporter'
/** Builds of the files in `otel/`, whose agents push only. */
const BY_OTEL = 'otel/'

export const check: Check = {
  title: 'the manifests on a real Kubernetes node: Ready, names, rights, and nothing to write to',

  async run(context) {
    const { scope, print } = context
    const cluster = await buildPrograms(scope, 'cluster', print)
    const containerd = await buildPrograms(scope, 'containerd', print)
    const builds = await wantedBuilds(scope, print)
    const [{ image }] = agentsOf(await objectsOf('base'))
    const archive = await imageArchive(scope, fullName(image))
    const archives = [await makeImages(scope.directory()), archive]

    const parts = new Set((process.env.PARTS ?? ALL_PARTS.join(',')).split(','))
    for (const part of ALL_PARTS)
      if (!parts.has(part)) print(`skipped: ${part}, for PARTS leaves it out`)
    const tools = parts.has('day') ? await buildTools(scope, print) : undefined

    await using nodes = new Scope()
    const options = { cluster, images: archives }
    const done: string[] = []
    const running: Promise<string>[] = []
    if (parts.has('builds')) {
      const [withDebians, withNewest] = byRuntime(builds)
      running.push(checkBuilds(nodes, options, withDebians, print))
      running.push(checkBuilds(nodes, { ...options, containerd }, withNewest, print))
    }
    if (tools !== undefined) running.push(checkDay(nodes, options, tools, fullName(image), print))
    // All at once: each waits most of the time. None may look at a node that has been ended.
    await allOf(running.map((one) => one.then((held) => void done.push(held))))
    return `${done.join('; ')}; on Kubernetes ${cluster.version}`
  },
}

/** All builds of deploy/ and otel/, or those that BUILDS names, with commas between them. */
async function wantedBuilds(scope: Scope, print: (line: string) => void): Promise<Build[]> {
  const { directory } = await buildPrograms(scope, 'helm', print)
  const all = [...(await buildAll(scope)), ...(await collectorBuilds(join(directory, 'helm')))]
  const wanted = process.env.BUILDS?.split(',')
  if (wanted === undefined) return all
  print(`of ${all.length} builds BUILDS names ${wanted.join(', ')}`)
  return all.filter(({ name }) => wanted.includes(name))
}

/**
 * What is applied with Debian's containerd, and what with the newest. Which runtime it is makes a difference for mounts only:
 * builds that have others than the base are for both, the other ones, changes of the base and builds of Collectors, for either.
 */
function byRuntime(builds: readonly Build[]): [Build[], Build[]] {
  const shared: [Build[], Build[]] = [[], []]
  let turn = 0
  for (const build of builds) {
    const { name } = build
    const hasMounts = !(name.includes(' ') || name.startsWith(BY_OTEL))
    if (hasMounts || name === UNPRIVILEGED || name === WITHOUT_ROOT) {
      for (const one of shared) one.push(build)
    } else if (name === COVERED) shared[0].push(build)
    else shared[turn++ % 2]?.push(build)
  }
  return shared
}

/** An image's name as containerd writes it out. */
function fullName(image: string): string {
  return image.includes('/') ? `docker.io/${image}` : `docker.io/library/${image}`
}

/** A node with workloads. */
interface ReadyNode {
  readonly node: KubernetesNode
  /** Name and version. */
  readonly runtime: string
  readonly gateway: Gateway | undefined
}

async function startNode(
  scope: Scope,
  options: NodeOptions,
  builds: readonly Build[],
  print: (line: string) => void,
): Promise<ReadyNode> {
  const began = Date.now()
  const node = await KubernetesNode.start(scope, options)
  const runtime = await node.runtime()
  print(`${runtime}: the node is Ready after ${seconds(began)}`)
  await applyDefinitions(node)
  await node.kubectl('label', `node/${NODE}`, 'kubevirt.io/schedulable=true')
  copyFileSync(STATIC_POD, node.manifest('static-pod.yaml'))
  await node.kubectl('apply', '-f', WORKLOADS)
  const isSent = builds.some(({ yaml }) => isSending(yaml))
  const gateway = isSent ? await Gateway.start(scope, node, builds, print) : undefined
  return { node, runtime, gateway }
}

/** Applies each build to a node, one after the other. @returns how many it were. */
async function checkBuilds(
  scope: Scope,
  options: NodeOptions,
  builds: readonly Build[],
  print: (line: string) => void,
): Promise<string> {
  if (builds.length === 0) return 'no build'
  const ready = await startNode(scope, options, builds, print)
  for (const build of builds) {
    const what = `${ready.runtime}, ${build.name}`
    try {
      print(`${what}: ${await checkBuild(ready, build)}`)
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
    }
  }
  return `${builds.length} builds with ${ready.runtime}`
}

async function checkBuild(
  { node, runtime, gateway }: ReadyNode,
  { name, yaml }: Build,
): Promise<string> {
  const text = sendingToNode(yaml)
  const hasCollector = name === SIDECAR || name.startsWith(BY_OTEL)
  require(isSending(yaml) === hasCollector, `${name}: a Collector sends on what it has`)
  gateway?.forget()
  const build = new AppliedBuild(node, { name, yaml: withProbe(text) })
  const began = Date.now()
  await build.apply()
  const parts = [`Ready after ${seconds(began)}`]
  const isOurs = !name.startsWith(BY_OTEL)
  const probed = await build.probe()
  const problems = [
    // Helm and the operator know by themselves what has changed.
    ...(isOurs ? await build.changesAgain() : []).map((change) => `applied again: ${change}`),
    ...(await build.differentRights()).map((right) => `differs in the right ${right}`),
    ...wrongProbe(name, runtime, probed),
    ...wrongOwnProbe(name, await build.probeOwnProcess()),
  ]
  require(problems.length === 0, problems.join('; '))
  if (name !== BY_OWN_RULES && isOurs) {
    const named = await build.untilNamed(!NAMELESS.has(name))
    parts.push(`${NAMELESS.has(name) ? 'ids' : 'names'} right after ${named.toFixed(1)} s`)
  }
  if (name === WITHOUT_ROOT) {
    const isMeasured = (await build.samples()).some((one) =>
      one.name.startsWith('container_memory'),
    )
    require(isMeasured, 'the cgroup tree is not read')
    const { reached, written } = probed.roots
    parts.push(
      `reads the roots of ${reached} processes, and writes below ${written} where everyone may`,
    )
  }
  if (name === BY_BPF) {
    // It could be opened and read without any right. Its numbers are those of the machine, of which this node is a namespace.
    const log = await build.log()
    require(log.includes(
      'the iterator does not show the agent itself: it is in another PID namespace',
    ), `the pinned iterator is not read: ${log}`)
    parts.push('reads the iterator that its init container has pinned')
  }
  if (gateway !== undefined && hasCollector) {
    const { containers, pods } = await gateway.untilAttributed()
    parts.push(`Resources of ${containers} containers and ${pods} pods attributed`)
  }
  if (name === UNFILTERED) {
    const roots = await writtenWithoutFilter(node, text)
    parts.push(
      `without its seccomp filter the agent's process writes below the roots of ${roots} processes`,
    )
  }
  if (STOPPING.has(name)) {
    const rolledOut = await build.brokenRollOuts()
    require(rolledOut.length === 0, `rolled out although broken: ${rolledOut.join(', ')}`)
    parts.push('a broken configuration stops at the first node')
  }
  await build.remove()
  if (name === UNPRIVILEGED) {
    await checkSocketGroup(node, text)
    parts.push("not even beside the runtime's socket can it connect")
  }
  return parts.join(', ')
}

/** What a day takes besides the cluster. */
interface Tools {
  readonly helm: string
  readonly prometheus: Programs
  readonly operator: Programs
}

async function buildTools(scope: Scope, print: (line: string) => void): Promise<Tools> {
  const { directory } = await buildPrograms(scope, 'helm', print)
  return {
    helm: join(directory, 'helm'),
    prometheus: await buildPrograms(scope, 'prometheus', print),
    operator: await buildPrograms(scope, 'prometheus-operator', print),
  }
}

/** The chart, scraped by a real Prometheus, beside the kubelet's own measurements, through a day; then with a crowd of pods. */
async function checkDay(
  scope: Scope,
  options: NodeOptions,
  tools: Tools,
  image: string,
  print: (line: string) => void,
): Promise<string> {
  const node = await KubernetesNode.start(scope, options)
  await applyDefinitions(node)
  await node.kubectl('label', `node/${NODE}`, 'kubevirt.io/schedulable=true')
  copyFileSync(STATIC_POD, node.manifest('static-pod.yaml'))
  await node.kubectl('apply', '-f', WORKLOADS)
  const { helm } = tools
  const monitored = ['prometheus.monitor.enabled=true']
  const agents = {
    runtime: new Agent(node, helm, 'otel-interrogator', [
      ...[...monitored, 'prometheus.rules.enabled=true', 'kubevirt.enabled=true'],
      ...['env[0].name=OTEL_INTERROGATOR_PROMETHEUS_NAMING', 'env[0].value=classic\\,cadvisor'],
      ...['env[1].name=OTEL_INTERROGATOR_COLLECTION_MAX_AGE', 'env[1].value=0s'],
    ]),
    api: new Agent(node, helm, 'by-api-server', [...monitored, 'names.from=api-server']),
    kubelet: new Agent(node, helm, 'by-kubelet', [
      ...[...monitored, 'names.from=kubelet', `capabilities.user=${OWN_USER}`],
    ]),
  }
  await startOperator(node, tools.operator)
  await allOf(
    Object.values(agents).map(async (agent) => {
      await agent.install()
      await agent.untilNamed()
    }),
  )
  print(
    'the chart is installed three times, with names of the runtime, the API server and the kubelet',
  )

  // Three PodMonitors and a ServiceMonitor.
  const prometheus = await startPrometheus(node, tools.prometheus, 4, ['otel-interrogator'])
  const targets = await prometheus.until('up == 1', (samples) => samples.length === 4)
  await prometheus.until('ALERTS{alertname="AgentKnowsNoNames"}', (samples) => samples.length === 0)
  await prometheus.until('process_group:cpu:rate1m', (samples) => samples.length > 0)
  print(
    `Prometheus scrapes ${targets.length} targets by the operator's configuration, and evaluates the rules`,
  )

  const { cadvisor, summary } = await compareWithKubelet(node, agents.runtime)
  print(`the kubelet's /metrics/cadvisor: ${cadvisor} values equal, /stats/summary: ${summary}`)

  const [repository = '', version = ''] = image.split(/:(?=[^:]*$)/)
  const events = await spendDay({ node, agents, prometheus, repository, version }, print)

  await node.kubectl('apply', '-f', CROWD)
  await node.kubectl('-n', 'shop', 'rollout', 'status', 'deployment/crowd', '--timeout=300s')
  const named: string[] = []
  for (const agent of Object.values(agents)) {
    named.push(`${agent.release} ${(await agent.untilNamed()).toFixed(0)} s`)
  }
  const { items } = await node.get<{ items: object[] }>('pods', '--all-namespaces')
  const sizes: string[] = []
  for (const agent of Object.values(agents)) {
    const { now, most } = await agent.residentMemory()
    sizes.push(`${agent.release} ${mebibytes(now)} (at most ${mebibytes(most)})`)
  }
  print(`${items.length} pods: names right after ${named.join(', ')}`)
  return `${events} events; with ${items.length} pods of 256 MiB each the agents have ${sizes.join(', ')}`
}

/** Also where somebody mounts its directory, the socket is not for the user of `without-capabilities`. */
async function checkSocketGroup(node: KubernetesNode, yaml: string): Promise<void> {
  const objects = parseAllDocuments(yaml).map((document) => document.toJS())
  for (const { kind, spec } of objects) {
    if (kind !== 'DaemonSet') continue
    const { containers, volumes } = spec.template.spec
    volumes.push({ name: 'runtime', hostPath: { path: '/run/containerd' } })
    containers[0].volumeMounts.push({ name: 'runtime', mountPath: '/run/containerd' })
  }
  const text = objects.map((object) => stringify(object)).join('---\n')
  const build = new AppliedBuild(node, { name: UNPRIVILEGED, yaml: text })
  await build.apply()
  const { sockets } = await build.probe()
  const answer = sockets['/run/containerd/containerd.sock']
  require(answer === 'EACCES', `${UNPRIVILEGED}: the mounted socket answers ${answer}`)
  await build.remove()
}

/** What the probe could do in the agent's own process: there the seccomp filter leaves nothing, whatever the user and the mounts are. */
function wrongOwnProbe(build: string, probed: Probed): string[] {
  const { writable, roots, sockets, startsPrograms, signalled } = probed
  const done = [
    ...[...writable, ...roots.closed].map((path) => `writes ${path}`),
    ...(roots.written > 0 ? [`writes below the roots of ${roots.written} processes`] : []),
    ...(startsPrograms ? ['starts programs'] : []),
    ...(signalled > 0 ? [`signals ${signalled} processes`] : []),
  ]
  if (build === WITHOUT_SOCKETS) {
    const answering = Object.entries(sockets).filter(([, answer]) => answer === 'connected')
    done.push(...answering.map(([path]) => `connects to ${path}`))
  }
  return done.map((what) => `the agent's process ${what}`)
}

/** Below how many roots the agent's own process writes where `agent.seccomp` is off. */
async function writtenWithoutFilter(node: KubernetesNode, yaml: string): Promise<number> {
  const variables = { OTEL_INTERROGATOR_AGENT_SECCOMP: 'off' }
  const build = new AppliedBuild(node, { name: UNFILTERED, yaml: withProbe(yaml, variables) })
  await build.apply()
  const { roots, startsPrograms } = await build.probeOwnProcess()
  require(roots.written > 0 && startsPrograms, 'the probe finds nothing without the filter either')
  return roots.written
}

/** What the probe could do and should not. */
function wrongProbe(build: string, runtime: string, probed: Probed): string[] {
  const { own, writable, roots, sockets } = probed
  const isPrivileged = own.uid === 0
  const isReading = isPrivileged || build === WITHOUT_ROOT
  const isTolerated = (path: string) =>
    runtime.startsWith('containerd 1.') && build !== COVERED && path.startsWith(BELOW_PROC)
  const problems = writable
    .filter((path) => !isTolerated(path))
    .map((path) => `${path} can be written`)
  for (const [path, answer] of Object.entries(sockets)) {
    // With SYS_PTRACE the files of every process are in reach, and with them the runtime's socket: docs/security.md.
    const isThroughProcess = isPrivileged && path.startsWith('/host/proc/')
    if (answer === 'connected' && !isThroughProcess) problems.push(`the socket ${path} answers`)
  }
  if (isReading !== roots.reached > 0) {
    problems.push(`the roots of ${roots.reached} of ${roots.tried} processes are in reach`)
  }
  if (isPrivileged) {
    if (build === UNPRIVILEGED || build === WITHOUT_ROOT) problems.push('it is root')
  } else {
    // What everyone may write to is in reach with SYS_PTRACE: docs/security.md.
    if (!isReading && roots.written > 0) {
      problems.push(`the roots of ${roots.written} processes can be written`)
    }
    problems.push(...roots.closed.map((path) => `${path} can be written`))
    if ([String(own.gid), ...own.groups.split(' ')].includes('0')) problems.push('it is of group 0')
  }
  return problems
}

function seconds(began: number): string {
  return `${((Date.now() - began) / 1000).toFixed(1)} s`
}
