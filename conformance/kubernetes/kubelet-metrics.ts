/**
 * The kubelet's own measurements as a peer: what `/metrics/cadvisor` and `/stats/summary` say of each container at a time, and
 * what the agent says in cAdvisor's names just before and just after it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'
import { type Agent, NAMESPACE } from './agents.ts'
import { type KubernetesNode, NODE } from './node.ts'

/** The kubelet measures every 10 to 15 seconds. */
const WINDOW_SECONDS = 25
const COUNTERS = ['container_cpu_usage_seconds_total']
const GAUGES = [
  'container_memory_usage_bytes',
  'container_memory_working_set_bytes',
  'container_memory_rss',
  'container_threads',
]
/** A container's memory may have changed and changed back between two collections. */
const TOLERANCE_BYTES = 256 * 1024
const TOLERANCE_RATIO = 0.05
/**
 * With cgroup v1 beside v2 the kubelet reads cpuacct.usage and the agent cpu.stat. The runtime moves a container's first process into
 * one hierarchy after the other, so what it uses in between is in one of both only: 0.3 ms were seen.
 */
const TOLERANCE_SECONDS = 5e-3
/** On a busy machine some time passes between cAdvisor's look at its clock and the reading of the kernel's file. */
const SLACK_MILLISECONDS = 2000
const SAMPLE = /^(\w+\{.*\} \S+) (\d+)$/

interface Measured extends Sample {
  /** Milliseconds since the epoch. */
  readonly time: number
}

interface Collected {
  readonly begin: number
  readonly end: number
  readonly values: ReadonlyMap<string, number>
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

/** @returns how many values were compared, by where the kubelet has them. */
export async function compareWithKubelet(
  node: KubernetesNode,
  agent: Agent,
): Promise<{ cadvisor: number; summary: number }> {
  const collected: Collected[] = []
  const end = Date.now() + WINDOW_SECONDS * 1000
  while (Date.now() < end) {
    const begin = Date.now()
    const samples = await agent.samples()
    collected.push({ begin, end: Date.now(), values: byContainer(samples) })
    await delay(500)
  }
  const proxy = `/api/v1/nodes/${NODE}/proxy`
  const text = await node.kubectl('get', '--raw', `${proxy}/metrics/cadvisor`)
  const summary = JSON.parse(
    await node.kubectl('get', '--raw', `${proxy}/stats/summary`),
  ) as Summary
  return {
    cadvisor: compare(ofCadvisor(text), collected),
    summary: compare(ofSummary(summary), collected),
  }
}

function compare(theirs: readonly Measured[], collected: readonly Collected[]): number {
  let compared = 0
  const problems: string[] = []
  for (const { name, labels, value, time } of theirs) {
    // The agents' own memory changes with each question.
    if (labels.namespace === NAMESPACE && !COUNTERS.includes(name)) continue
    const key = keyOf({ name, labels, value })
    const before = collected.findLast((one) => one.end <= time - SLACK_MILLISECONDS)
    const after = collected.find((one) => one.begin >= time + SLACK_MILLISECONDS)
    const [low, high] = [before?.values.get(key), after?.values.get(key)]
    if (before === undefined || after === undefined) continue
    if (low === undefined && high === undefined) {
      problems.push(`the agent has no ${key}`)
      continue
    }
    // It came or went in this moment.
    if (low === undefined || high === undefined) continue
    compared++
    const slack = name.endsWith('_bytes') || name.endsWith('_rss') ? TOLERANCE_BYTES : 0
    const margin = COUNTERS.includes(name)
      ? TOLERANCE_SECONDS
      : Math.max(slack, TOLERANCE_RATIO * value)
    if (value < Math.min(low, high) - margin || value > Math.max(low, high) + margin) {
      problems.push(`${key} is ${value}, the agent has ${low} before and ${high} after`)
    }
  }
  require(problems.length === 0, problems.slice(0, 5).join('; '))
  require(compared > 0, 'the kubelet has nothing in the time that the agent was asked')
  return compared
}

/** Of containers of pods; those that the kubelet has of cgroups above have no container. */
function ofCadvisor(text: string): Measured[] {
  const wanted = new Set([...COUNTERS, ...GAUGES])
  return text.split('\n').flatMap((line) => {
    const [, sample, time] = SAMPLE.exec(line) ?? []
    if (sample === undefined || !wanted.has(sample.slice(0, sample.indexOf('{')))) return []
    const [parsed] = parseSamples(sample)
    if (parsed === undefined || !parsed.labels.container || !parsed.labels.pod) return []
    return [{ ...parsed, time: Number(time) }]
  })
}

function ofSummary({ pods }: Summary): Measured[] {
  return pods.flatMap(({ podRef, containers = [] }) =>
    containers.flatMap(({ name: container, cpu, memory }) => {
      const labels = { namespace: podRef.namespace, pod: podRef.name, container }
      const one = (name: string, value: number | undefined, time: string | undefined) =>
        value === undefined || time === undefined
          ? []
          : [{ name, labels, value, time: Date.parse(time) }]
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

function byContainer(samples: readonly Sample[]): Map<string, number> {
  return new Map(samples.filter(({ labels }) => labels.pod).map((one) => [keyOf(one), one.value]))
}

function keyOf({ name, labels: { namespace, pod, container } }: Sample): string {
  return `${name} of ${namespace}/${pod}/${container}`
}
