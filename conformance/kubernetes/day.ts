/**
 * What happens on a node in a day, in minutes: after each event all names are right again within half a minute, no counter has
 * fallen, and what failed was said by the log, a metric and an alert.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { require } from '../check.ts'
import { allOf } from '../support/parallel.ts'
import { type Agent, NAMESPACE } from './agents.ts'
import { makeServiceAccountKeys } from './certificates.ts'
import { type KubernetesNode, NODE } from './node.ts'
import type { PrometheusOnNode } from './prometheus.ts'

const STATIC_POD = fileURLToPath(new URL('static-pod.yaml', import.meta.url))
const OUTAGE_SECONDS = 60
const PATIENCE_SECONDS = 90
const SUCCESS = 'otel_interrogator_name_source_success'
const ERRORS = 'otel_interrogator_name_source_errors_total'
const RELOADS = 'procgroup_rules_reloads_total'
const PROCESSES = 'namedprocess_namegroup_num_procs'
const OTHER_VERSION = '0.1.1'
const UNKNOWN_POD =
  '/sys/fs/cgroup/unified/kubepods/besteffort/pod0d15ea5e-0000-4000-8000-000000000000'
/** The cgroups of a container that no source knows. */
const UNKNOWN = { pod: UNKNOWN_POD, container: `${UNKNOWN_POD}/${'0d15ea5e'.repeat(8)}` }

/** One agent for each source of names. */
export interface Agents {
  readonly runtime: Agent
  readonly api: Agent
  readonly kubelet: Agent
}

export interface Day {
  readonly node: KubernetesNode
  readonly agents: Agents
  readonly prometheus: PrometheusOnNode
  /** The agent's image, as containerd has it, without its tag. */
  readonly repository: string
  readonly version: string
}

/** In their order; each leaves a node that works. */
const EVENTS: Readonly<Record<string, (day: Day) => Promise<string | undefined>>> = {
  async 'pods deleted'({ node }) {
    await node.kubectl('-n', 'shop', 'delete', 'pod', '--selector=app in (cart, db)')
    await untilRolledOut(node)
    return undefined
  },

  async 'a Deployment rolled out'({ node }) {
    await node.kubectl('-n', 'shop', 'set', 'env', 'deployment/cart', `ROUND=${Date.now()}`)
    await untilRolledOut(node)
    return undefined
  },

  async 'the kubelet killed'({ node }) {
    await node.killPart('kubelet')
    await delay(5000)
    await node.startPart('kubelet')
    return undefined
  },

  async 'containerd killed'({ node, agents, prometheus }) {
    await node.killPart('containerd')
    // Of something new the source is asked at once, otherwise once a minute.
    const { container, pod } = UNKNOWN
    await node.run('mkdir', ['-p', container])
    const seconds = await untilFailed(agents.runtime, 'cri')
    await node.run('rmdir', [container, pod])
    await prometheus.until(alert('cri'), isPending)
    await node.startPart('containerd')
    await node.kubectl('wait', `node/${NODE}`, '--for=condition=Ready', '--timeout=90s')
    return `said after ${seconds.toFixed(0)} s`
  },

  /** New keys of service accounts make every older token invalid, as a rotation does at its end. */
  async 'the API server killed for a minute, tokens renewed'({ node, agents, prometheus }) {
    const began = Date.now()
    await node.killPart('apiserver')
    const seconds = await untilFailed(agents.api, 'kubernetes')
    await prometheus.until(alert('kubernetes'), isPending)
    require(agents.api.log().includes('kubernetes'), "the log doesn't tell of the API server")
    // What starts meanwhile is known to the runtime only.
    const late = node.manifest('late.yaml')
    writeFileSync(late, readFileSync(STATIC_POD, 'utf8').replace('etcd-like', 'late'))
    await untilTrue('a static pod that starts in the outage is named by the runtime', async () =>
      (await agents.runtime.samples()).some(({ labels }) => labels.pod_name === `late-${NODE}`),
    )
    await makeServiceAccountKeys(node.pki(''))
    await delay(Math.max(0, OUTAGE_SECONDS * 1000 - (Date.now() - began)))
    await node.startPart('apiserver')
    for (const part of ['controller-manager', 'scheduler', 'kubelet'] as const) {
      await node.killPart(part)
      await node.startPart(part)
    }
    rmSync(late)
    await untilRecovered(agents.api, 'kubernetes')
    return `said after ${seconds.toFixed(0)} s`
  },

  async "the kubelet's certificate renewed"({ node, agents }) {
    await node.killPart('kubelet')
    const directory = join(node.state, 'kubelet/pki')
    for (const file of readdirSync(directory).filter((name) => name.includes('server'))) {
      rmSync(join(directory, file))
    }
    await node.startPart('kubelet')
    await node.approveKubelet()
    await untilRecovered(agents.kubelet, 'kubelet')
    return undefined
  },

  async 'a ConfigMap changed, and broken'({ node, agents: { runtime } }) {
    const write = (text: string) =>
      node.kubectl(
        ...['-n', NAMESPACE, 'patch', 'configmap', runtime.release, '--type=merge'],
        ...['--patch', JSON.stringify({ data: { 'agent.yaml': text } })],
      )
    const outcome = (of: string) => () =>
      runtime.value(RELOADS, { procgroup_rules_reload_outcome: of })
    await write('process_names: [{name: everything, cmdline: [.+]}]\n')
    await untilTrue('the new rules', async () =>
      (await runtime.samples()).some(({ labels }) => labels.groupname === 'everything'),
    )
    const failures = await outcome('failure')()
    await write('process_names: [{name: "{{.Nothing", cmdline: [.+]}]\n')
    await untilTrue('the failed reload', async () => (await outcome('failure')()) > failures)
    require(runtime.log().includes('agent.yaml'), 'the log says nothing of the file')
    await write('\n')
    await untilTrue('the built-in rules', async () =>
      (await runtime.samples()).every(
        ({ name, labels, value }) =>
          name !== PROCESSES || labels.groupname !== 'everything' || value === 0,
      ),
    )
    return undefined
  },

  async 'the node drained'({ node }) {
    await node.kubectl('drain', NODE, '--ignore-daemonsets', '--force', '--delete-emptydir-data')
    await node.kubectl('uncordon', NODE)
    await untilRolledOut(node)
    return undefined
  },

  async 'the agent updated, and back'({ node, agents: { runtime }, repository, version }) {
    await node.tagImage(`${repository}:${version}`, `${repository}:${OTHER_VERSION}`)
    await runtime.install(`image.tag=${OTHER_VERSION}`)
    const seconds = await runtime.untilNamed()
    await runtime.install()
    return `names of the other version right after ${seconds.toFixed(0)} s`
  },
}

/**
 * Lets everything happen.
 *
 * @throws Error that names the event.
 */
export async function spendDay(day: Day, print: (line: string) => void): Promise<number> {
  const agents = Object.values(day.agents) as Agent[]
  for (const agent of agents) await agent.fallenCounters()
  for (const [event, happen] of Object.entries(EVENTS)) {
    try {
      const said = await happen(day)
      const seconds: number[] = []
      await allOf(
        agents.map(async (agent, index) => {
          await agent.find()
          seconds[index] = await agent.untilNamed()
          const fallen = await agent.fallenCounters()
          require(fallen.length ===
            0, `${agent.release}: counters fell: ${fallen.slice(0, 3).join('; ')}`)
        }),
      )
      const named = seconds.map((one) => one.toFixed(0)).join(', ')
      const more = said === undefined ? '' : `, ${said}`
      print(`${event}: names right after ${named} s${more}`)
    } catch (error) {
      throw new Error(`${event}: ${(error as Error).message}`, { cause: error })
    }
  }
  return Object.keys(EVENTS).length
}

async function untilRolledOut(node: KubernetesNode): Promise<void> {
  for (const workload of ['deployment/cart', 'statefulset/db', 'daemonset/log-shipper']) {
    await node.kubectl('-n', 'shop', 'rollout', 'status', workload, '--timeout=120s')
  }
}

function alert(source: string): string {
  return `ALERTS{alertname="AgentKnowsNoNames",otel_interrogator_name_source="${source}"}`
}

/** It fires after a quarter of an hour only. */
function isPending(samples: readonly object[]): boolean {
  return samples.length > 0
}

/** Waits until the agent's metrics say that a source fails; gives the seconds. */
async function untilFailed(agent: Agent, source: string): Promise<number> {
  const labels = { otel_interrogator_name_source: source }
  const errors = await agent.value(ERRORS, labels)
  return await untilTrue(`${agent.release} says that ${source} fails`, async () => {
    const isFailed = (await agent.value(SUCCESS, labels)) === 0
    return isFailed && (await agent.value(ERRORS, labels)) > errors
  })
}

async function untilRecovered(agent: Agent, source: string): Promise<void> {
  const labels = { otel_interrogator_name_source: source }
  await untilTrue(
    `${agent.release} says that ${source} answers`,
    async () => (await agent.value(SUCCESS, labels)) === 1,
  )
}

async function untilTrue(what: string, isTrue: () => Promise<boolean>): Promise<number> {
  const began = Date.now()
  while (!(await isTrue())) {
    require(Date.now() - began <
      PATIENCE_SECONDS * 1000, `not within ${PATIENCE_SECONDS} s: ${what}`)
    await delay(1000)
  }
  return (Date.now() - began) / 1000
}
