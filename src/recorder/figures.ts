/** What is recorded of each kind of entity. Which points it comes from is said by their definitions (`Role`). */
import type { Attributes } from '@opentelemetry/api'
import type { Subject } from '../telemetry/definitions.ts'
import type { Entity } from '../telemetry/entity.ts'

/** What an entity is: the node itself, a process group, or a cgroup. */
export type Kind = Subject

/** Kinds that samples have at a finer resolution than complete collections. */
export const CGROUP_KINDS: ReadonlySet<Kind> = new Set(['container', 'pod', 'cgroup'])

/** A quantity that is recorded. */
export interface Figure {
  /** UCUM; `1` for parts of the time. */
  readonly unit:
    | '{cpu}'
    | '{thread}'
    | 'By'
    | 'By/s'
    | '1'
    | '{fault}/s'
    | '{context_switch}/s'
    | '{process}'
  readonly title: string
  /** Whether it is the increase of a counter for each second; else the value itself. */
  readonly isRate: boolean
  /** The aggregate of several entities: the sum, or the largest where a sum means nothing. */
  readonly combined: 'sum' | 'max'
}

const stall = (title: string): Figure => ({ unit: '1', title, isRate: true, combined: 'max' })

/** All figures, by name. */
export const FIGURES = {
  cpu: { unit: '{cpu}', title: 'CPUs in use', isRate: true, combined: 'sum' },
  memory: { unit: 'By', title: 'Memory', isRate: false, combined: 'sum' },
  read: { unit: 'By/s', title: 'Bytes read from storage', isRate: true, combined: 'sum' },
  write: { unit: 'By/s', title: 'Bytes written to storage', isRate: true, combined: 'sum' },
  cpuSome: stall('Part of the time in which some task waited for a CPU'),
  cpuFull: stall('Part of the time in which all tasks waited for a CPU'),
  memorySome: stall('Part of the time in which some task waited for memory'),
  memoryFull: stall('Part of the time in which all tasks waited for memory'),
  ioSome: stall('Part of the time in which some task waited for storage'),
  ioFull: stall('Part of the time in which all tasks waited for storage'),
  faults: { unit: '{fault}/s', title: 'Major page faults', isRate: true, combined: 'sum' },
  switches: {
    unit: '{context_switch}/s',
    title: 'Context switches',
    isRate: true,
    combined: 'sum',
  },
  runDelay: {
    unit: '{thread}',
    title: 'Threads that were ready and waited for a CPU',
    isRate: true,
    combined: 'sum',
  },
  processes: { unit: '{process}', title: 'Processes', isRate: false, combined: 'sum' },
} as const satisfies Record<string, Figure>

/** The name of a figure. */
export type FigureName = keyof typeof FIGURES

/** What is read of cgroups between collections, in the order of the values of a sample. */
export const SAMPLED_FIGURES = [
  'cpu',
  'memory',
  'read',
  'write',
  'cpuSome',
  'cpuFull',
  'memorySome',
  'memoryFull',
  'ioSome',
  'ioFull',
] as const satisfies FigureName[]

/** Those of a sample come first, so that a value has the same place in both. */
const CGROUP_FIGURES = [...SAMPLED_FIGURES, 'faults'] as const satisfies FigureName[]

/** The figures of each kind, in the order in which they are kept. */
export const KIND_FIGURES: Readonly<Record<Kind, readonly FigureName[]>> = {
  node: [...CGROUP_FIGURES, 'switches'],
  group: ['cpu', 'memory', 'read', 'write', 'faults', 'switches', 'runDelay', 'processes'],
  container: CGROUP_FIGURES,
  pod: CGROUP_FIGURES,
  cgroup: CGROUP_FIGURES,
}

/** What is followed, but not kept: counters of events, and limits. */
export type Extra = 'exits' | 'restarts' | 'cpuLimit' | 'memoryLimit'

/** Names of the extras, in the order of their places. */
export const EXTRAS: readonly Extra[] = ['exits', 'restarts', 'cpuLimit', 'memoryLimit']

/**
 * What identifies an entity in the recorder: the same text as long as the entity is the same, also when its names become
 * known, and after a restart of the agent.
 */
export function entityKey(kind: Kind, { own, workload = {} }: Entity): string {
  const { 'container.id': container, 'k8s.pod.uid': pod } = workload
  const path = own['cgroup.path']
  if (kind === 'container' && container !== undefined) return `container:${container}`
  if (kind === 'pod' && pod !== undefined) return `pod:${pod}`
  if (kind === 'cgroup' && path !== undefined) return `cgroup:${path}`
  const identity = Object.entries({ ...own, ...ownerOf(workload) })
  identity.sort(([a], [b]) => (a < b ? -1 : 1))
  return `${kind}:${JSON.stringify(Object.fromEntries(identity))}`
}

/** What of a workload never changes; its names become known later. */
function ownerOf({
  'container.id': container,
  'k8s.pod.uid': pod,
  ...names
}: Attributes): Attributes {
  if (container !== undefined) return { 'container.id': container }
  return pod !== undefined ? { 'k8s.pod.uid': pod } : names
}
