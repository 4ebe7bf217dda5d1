/**
 * The kubelet's own measurements as a peer: what `/metrics/cadvisor` and `/stats/summary` say of each container at a time, and
 * what the agent says in cAdvisor's names in the seconds around it.
 */
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { readSystemConstants } from '../../src/kernel/system-constants.ts'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'
import { type Agent, NAMESPACE } from './agents.ts'
import { type KubernetesNode, NODE } from './node.ts'

/** The kubelet measures every 10 to 15 seconds. */
const WINDOW_SECONDS = 25
const INTERVAL_MILLISECONDS = 500
const COUNTERS = ['container_cpu_usage_seconds_total']
const THREADS = 'container_threads'
const MEMORY = [
  'container_memory_usage_bytes',
  'container_memory_working_set_bytes',
  'container_memory_rss',
]
/** Of a container that starts processes without end: at any moment it may have one more, or one less, than the agent ever saw. */
const STARTS_PROCESSES = /^shop\/cart-[^/]+\/web$/
/**
 * Pages that the kernel charges to a memory cgroup at once, for each CPU on which it runs (MEMCG_CHARGE_BATCH); those that are
 * not yet used count as used. memory.stat may be behind by as many. A process that starts had up to 40 for a moment.
 */
const CHARGE_BATCH = 64
const TOLERANCE_BYTES = (cpus().length + 1) * CHARGE_BATCH * readSystemConstants().pageSize
/** What a container has whose memory is compared by more than the tolerance: see workloads.yaml. */
const HELD_BYTES = 32 * 1024 * 1024
/**
 * With cgroup v1 beside v2 the kubelet reads cpuacct.usage and the agent cpu.stat. The runtime moves a container's first process into
 * one hierarchy after the other, so what it uses in between is in one of both only: at most what runc uses to begin, about 20 ms.
 */
const TOLERANCE_SECONDS = 20e-3
/** On a busy machine some time passes between cAdvisor's look at its clock and the reading of the kernel's file. */
const SLACK_MILLISECONDS = 3000
const ATTEMPTS = 3
const SAMPLE = /^(\w+\{.*\} \S+) (\d+)$/

/** What the kubelet has of a container. */
interface Measured {
  readonly name: string
  /** `namespace/pod/container`. */
  readonly container: string
  /** Unknown in `/stats/summary`. */
  readonly id: string | undefined
  readonly value: number
  /** Milliseconds since the epoch. */
  readonly time: number
}

/** One collection of the agent. */
interface Collected {
  readonly begin: number
  readonly end: number
  /** By metric and container id. */
  readonly values: ReadonlyMap<string, number>
  /** Container ids by `namespace/pod/container`. */
  readonly ids: ReadonlyMap<string, string>
}

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string }
    readonly containers?: readonly {
      readonly name: string
      readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds?: number }
      readonly memory?: { readonly time: string; readonly workingSetBytes?: number }
    }[]
  }[]
}

/** How many values were compared, by where the kubelet has them. */
export interface Compared {
  readonly cadvisor: number
  readonly summary: number
}

/** @throws Error that names the values that differ. */
export async function compareWithKubelet(node: KubernetesNode, agent: Agent): Promise<Compared> {
  for (let attempt = 1; ; attempt++) {
    const { text, summary, collected } = await collect(node, agent)
    const cadvisor = compare(ofCadvisor(text), collected)
    const ofPods = compare(ofSummary(summary), collected)
    // A kubelet that was late with a container is asked again.
    const isWhole = [cadvisor, ofPods].every((all) =>
      all.some(({ name, value }) => MEMORY.includes(name) && value > HELD_BYTES),
    )
    if (isWhole) return { cadvisor: cadvisor.length, summary: ofPods.length }
    require(attempt <
      ATTEMPTS, 'the kubelet does not measure the container that holds memory in the time that the agent was asked')
  }
}

/** Asks the agent for a while, the kubelet near its end. */
async function collect(
  node: KubernetesNode,
  agent: Agent,
): Promise<{ text: string; summary: Summary; collected: readonly Collected[] }> {
  const collected: Collected[] = []
  let until = Number.POSITIVE_INFINITY
  const asking = (async () => {
    for (;;) {
      const begin = Date.now()
      const samples = await agent.samples()
      collected.push({ begin, end: Date.now(), ...byContainer(samples) })
      if (begin > until) return
      await delay(INTERVAL_MILLISECONDS)
    }
  })()
  const answers = (async () => {
    await delay(WINDOW_SECONDS * 1000)
    const page = (path: string) =>
      node.kubectl('get', '--raw', `/api/v1/nodes/${NODE}/proxy/${path}`)
    try {
      const text = await page('metrics/cadvisor')
      return { text, summary: JSON.parse(await page('stats/summary')) as Summary }
    } finally {
      until = Date.now() + SLACK_MILLISECONDS
    }
  })()
  const [{ text, summary }] = await Promise.all([answers, asking])
  return { text, summary, collected }
}

/**
 * Holds each value against the least and the greatest that the agent had in the seconds around it.
 *
 * @returns the values that could be compared.
 */
function compare(theirs: readonly Measured[], collected: readonly Collected[]): Measured[] {
  const compared: Measured[] = []
  const problems: string[] = []
  for (const measured of theirs) {
    const { name, container, value, time } = measured
    // The agents' own memory changes with each question.
    if (container.startsWith(`${NAMESPACE}/`) && !COUNTERS.includes(name)) continue
    const first = collected.findLastIndex(({ end }) => end <= time - SLACK_MILLISECONDS)
    const last = collected.findIndex(({ begin }) => begin >= time + SLACK_MILLISECONDS)
    if (first === -1 || last === -1) continue
    const around = collected.slice(first, last + 1)
    const id = measured.id ?? onlyId(container, around)
    // It was started again, or had no name yet.
    if (id === undefined) continue
    const values = around.flatMap(({ values }) => values.get(keyOf(name, id)) ?? [])
    if (values.length === 0) problems.push(`the agent has no ${name} of ${container}`)
    // It came or went meanwhile.
    if (values.length < around.length) continue
    compared.push(measured)
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const tolerance = toleranceOf(name, container)
    if (value < low - tolerance || value > high + tolerance) {
      problems.push(
        `${name} of ${container} is ${value}, the agent has ${low} to ${high} around it`,
      )
    }
  }
  require(problems.length === 0, problems.slice(0, 5).join('; '))
  return compared
}

/** The id of a container that is the same in all collections. */
function onlyId(container: string, collected: readonly Collected[]): string | undefined {
  const [id, ...others] = new Set(collected.map(({ ids }) => ids.get(container)))
  return others.length === 0 ? id : undefined
}

function toleranceOf(name: string, container: string): number {
  if (COUNTERS.includes(name)) return TOLERANCE_SECONDS
  if (name === THREADS) return STARTS_PROCESSES.test(container) ? 1 : 0
  return TOLERANCE_BYTES
}

/** Of containers of pods; those that the kubelet has of cgroups above have no container. */
function ofCadvisor(text: string): Measured[] {
  const wanted = new Set([...COUNTERS, THREADS, ...MEMORY])
  return text.split('\n').flatMap((line) => {
    const [, sample, time] = SAMPLE.exec(line) ?? []
    if (sample === undefined || !wanted.has(sample.slice(0, sample.indexOf('{')))) return []
    const [parsed] = parseSamples(sample)
    if (parsed === undefined || !parsed.labels.container || !parsed.labels.pod) return []
    const { name, labels, value } = parsed
    return [{ name, container: containerOf(labels), id: labels.name, value, time: Number(time) }]
  })
}

function ofSummary({ pods }: Summary): Measured[] {
  return pods.flatMap(({ podRef, containers = [] }) =>
    containers.flatMap(({ name: container, cpu, memory }) => {
      const labels = { namespace: podRef.namespace, pod: podRef.name, container }
      const one = (
        name: string,
        value: number | undefined,
        time: string | undefined,
      ): Measured[] =>
        value === undefined || time === undefined
          ? []
          : [{ name, container: containerOf(labels), id: undefined, value, time: Date.parse(time) }]
      return [
        ...one(
          'container_cpu_usage_seconds_total',
          cpu?.usageCoreNanoSeconds === undefined ? undefined : cpu.usageCoreNanoSeconds / 1e9,
          cpu?.time,
        ),
        ...one('container_memory_working_set_bytes', memory?.workingSetBytes, memory?.time),
      ]
    }),
  )
}

function byContainer(samples: readonly Sample[]): Pick<Collected, 'values' | 'ids'> {
  const values = new Map<string, number>()
  const ids = new Map<string, string>()
  for (const { name, labels, value } of samples) {
    // The label that cAdvisor has a container's id in.
    if (labels.name === undefined) continue
    values.set(keyOf(name, labels.name), value)
    if (labels.container !== undefined) ids.set(containerOf(labels), labels.name)
  }
  return { values, ids }
}

function keyOf(name: string, id: string): string {
  return `${name} of ${id}`
}

function containerOf({ namespace, pod, container }: Sample['labels']): string {
  return `${namespace}/${pod}/${container}`
}
