import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../test/support/free-port.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { cpuSeconds } from '../bench/subjects.ts'
import { type Check, require } from '../check.ts'
import { buildCollector } from '../collector/build.ts'
import { Collector, configuration } from '../collector/collector.ts'
import { type RunningAgent, startAgent } from '../support/agent.ts'
import type { Scope } from '../support/children.ts'
import { mebibytes, residentMemory } from '../support/memory.ts'
import { needPackage } from '../support/packages.ts'
import { type Prometheus, query, startRemoteStore } from '../support/prometheus.ts'

const AGENTS = 50
/** Agents that start at a time: each wants a processor for a moment. */
const AT_ONCE = 5
const INTERVAL = 5
const MEASURED_SECONDS = 15
/** For what is on its way when a gateway goes: a resolution, the back-off, and the next push. */
const PATIENCE = 90_000
const NAME = 'gateways.test'
const GATEWAYS = ['127.0.0.2', '127.0.0.3']
const POD = '11111111-2222-3333-4444-'

export const check: Check = {
  title:
    'a fleet pushes through load-balanced gateways to a real Prometheus, also without one of them',

  async run({ scope, print }) {
    await needPackage('prometheus', 'prometheus', 'promtool')
    const program = await buildCollector(scope, print)
    const store = await startRemoteStore(scope)
    const port = await freePort()
    const gateways = await startGateways(scope, program, port, `${store.url}/api/v1/write`)
    const names = join(scope.directory(), 'hosts')
    resolveTo(names, GATEWAYS)
    const front = await freePort()
    const balancer = new Collector(
      scope,
      withNames(names, program),
      configuration('load-balancing.yaml'),
    )
    await balancer.start(front, {
      LISTEN: '127.0.0.1',
      OTLP_PORT: String(front),
      GATEWAYS: NAME,
      GATEWAY_PORT: String(port),
      RESOLVE_INTERVAL: '1s',
    })
    const nodes = Array.from({ length: AGENTS }, (_, number) => new FleetNode(scope, number))
    while (nodes.some(({ agent }) => agent === undefined)) {
      const next = nodes.filter(({ agent }) => agent === undefined).slice(0, AT_ONCE)
      await Promise.all(next.map((node) => node.start(front)))
    }

    const series = await untilRight(store, nodes, 'all agents have started')
    print(
      `${AGENTS} agents: ${series} series in Prometheus, each node's and the sums as on the nodes`,
    )
    const pids = [balancer, ...gateways].map(({ pid }) => pid)
    const before = pids.map(cpuSeconds)
    await delay(MEASURED_SECONDS * 1000)
    const points = (series / INTERVAL) * MEASURED_SECONDS
    const spent = pids.map((pid, index) => cpuSeconds(pid) - (before[index] as number))
    const cost = (seconds: number) => `${((seconds / points) * 1e6).toFixed(1)} µs`
    const [balancing, ...writing] = spent as [number, ...number[]]
    require(writing.every((seconds) => seconds > 0), 'a gateway has had nothing to do')
    const writingAll = writing.reduce((sum, seconds) => sum + seconds, 0)
    print(
      `CPU for a point: ${cost(balancing)} to balance, ${cost(writingAll)} to write to Prometheus`,
    )
    const sizes = pids.map((pid) => mebibytes(residentMemory(pid).now))
    print(`resident memory: ${sizes[0]} to balance, ${sizes.slice(1).join(' and ')} to write`)

    resolveTo(names, GATEWAYS.slice(0, 1))
    await gateways[1]?.kill()
    for (const node of nodes) node.grow()
    const since = Date.now()
    await untilRight(store, nodes, 'one of two gateways is gone')
    const seconds = ((Date.now() - since) / 1000).toFixed(0)
    print(`one of two gateways gone: every node's change is in Prometheus after ${seconds} s`)
    return `${AGENTS} agents, ${GATEWAYS.length} gateways, ${series} series`
  },
}

/** A generated node: the size of its group identifies the node; one of its processes is in a container. */
class FleetNode {
  readonly name: string
  agent: RunningAgent | undefined
  readonly #tree = new ProcfsTree()
  readonly #scope: Scope
  readonly #number: number
  #processes = 0

  constructor(scope: Scope, number: number) {
    this.#scope = scope
    this.#number = number
    this.name = `node-${String(number).padStart(2, '0')}`
    scope.onEnd(() => this.#tree.dispose())
    for (let count = 0; count <= number % 5; count++) this.grow()
  }

  get processes(): number {
    return this.#processes
  }

  /** One more process. */
  grow(): void {
    this.#processes++
    const pod = `${POD}${String(this.#number).padStart(12, '0')}`
    const container = String(this.#number).padStart(64, '0')
    const inContainer = [`/kubepods/burstable/pod${pod}/${container}`]
    this.#tree.set(this.#processes, {
      comm: 'web',
      utime: 100 * this.#processes,
      cgroups: this.#processes === 1 ? inContainer : ['/system.slice/web.service'],
    })
  }

  async start(port: number): Promise<void> {
    this.agent = await startAgent(this.#scope, [
      `--procfs.root=${this.#tree.root}`,
      `--node.name=${this.name}`,
      '--cgroups.enabled=false',
      '--workloads.sources=none',
      '--exporters=prometheus,otlp',
      `--otlp.endpoint=http://127.0.0.1:${port}`,
      `--otlp.interval=${INTERVAL}s`,
    ])
  }
}

async function startGateways(
  scope: Scope,
  program: string,
  port: number,
  remoteWrite: string,
): Promise<Collector[]> {
  const gateways = GATEWAYS.map(() => new Collector(scope, program, configuration('gateway.yaml')))
  const start = (gateway: Collector, index: number) =>
    gateway.start(`${GATEWAYS[index]}:${port}`, {
      LISTEN: GATEWAYS[index],
      OTLP_PORT: String(port),
      REMOTE_WRITE: remoteWrite,
    })
  await Promise.all(gateways.map(start))
  return gateways
}

/** What a headless Service does: the name has the addresses of those that are ready. */
function resolveTo(file: string, addresses: readonly string[]): void {
  writeFileSync(file, addresses.map((address) => `${address} ${NAME}\n`).join(''))
}

/** The program, in a mount namespace of its own where the file is /etc/hosts. */
function withNames(file: string, program: string): string[] {
  const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', file, program]
}

/**
 * Waits until Prometheus has of every node what the node has.
 *
 * @returns all series that the agents have given.
 */
async function untilRight(
  store: Prometheus,
  nodes: readonly FleetNode[],
  when: string,
): Promise<number> {
  const deadline = Date.now() + PATIENCE
  const expected = nodes.map(({ name, processes }) => `${name}=${processes}`).join()
  for (;;) {
    const counts = await query(
      store,
      'sum by (host_name) (procgroup_process_count{procgroup_name="web"})',
    )
    const found = counts
      .map(({ labels, value }) => `${labels.host_name}=${value}`)
      .sort()
      .join()
    if (found === expected) break
    require(Date.now() < deadline, `when ${when}, Prometheus has ${found}, not ${expected}`)
    await delay(200)
  }
  const pods = await query(
    store,
    'sum by (host_name) (procgroup_process_count{procgroup_name="web", k8s_pod_uid!=""})',
  )
  require(pods.length === nodes.length, `${pods.length} pods arrived of ${nodes.length}`)
  require(pods.every(({ value }) => value === 1), 'a pod has more than the process in it')
  const [all] = await query(store, 'count({host_name=~"node-.+"})')
  return all?.value ?? 0
}
