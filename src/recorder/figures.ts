/** What is recorded of each kind of entity, and which metrics of the snapshot it comes from. */
import type { Attributes } from '@opentelemetry/api'

/** What an entity is: the node itself, a process group, or a cgroup by whose it is. */
export type Kind = 'node' | 'group' | 'container' | 'pod' | 'cgroup'

/** Kinds that samples have at a finer resolution than complete collections. */
export const CGROUP_KINDS: ReadonlySet<Kind> = new Set(['container', 'pod', 'cgroup'])

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
  /** What stands for several entities together: the sum, or the largest where a sum means nothing. */
  readonly combined: 'sum' | 'max'
}

const stall = (title: string): Figure => ({ unit: '1', title, isRate: true, combined: 'max' })

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

export type FigureName = keyof typeof FIGURES

const CGROUP_FIGURES = [
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
  'faults',
] as const satisfies FigureName[]

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

export const EXTRAS: readonly Extra[] = ['exits', 'restarts', 'cpuLimit', 'memoryLimit']

/** Where a figure comes from: the points of a metric that have the attribute, added up for each entity. */
export interface FigureSource {
  readonly kind: Kind
  readonly figure: FigureName | Extra
  readonly metric: string
  readonly attribute?: readonly [key: string, value: string]
}

export const FIGURE_SOURCES: readonly FigureSource[] = [
  ...groupSources(),
  ...cgroupSources('container', 'container'),
  ...cgroupSources('pod', 'k8s.pod'),
  ...cgroupSources('cgroup', 'cgroup'),
  ...pressureSources('node', (resource) => `system.${resource}.linux.pressure.time`),
]

function groupSources(): FigureSource[] {
  const source = (
    figure: FigureName | Extra,
    metric: string,
    attribute?: readonly [string, string],
  ): FigureSource => ({ kind: 'group', figure, metric, ...(attribute && { attribute }) })
  return [
    source('cpu', 'procgroup.cpu.time'),
    source('memory', 'procgroup.memory.usage'),
    source('read', 'procgroup.disk.io', ['disk.io.direction', 'read']),
    source('write', 'procgroup.disk.io', ['disk.io.direction', 'write']),
    source('faults', 'procgroup.paging.faults', ['system.paging.fault.type', 'major']),
    source('switches', 'procgroup.context_switches'),
    source('runDelay', 'procgroup.cpu.run_delay'),
    source('processes', 'procgroup.process.count'),
    source('exits', 'procgroup.process.exits'),
    source('restarts', 'procgroup.restarts'),
  ]
}

function cgroupSources(kind: Kind, root: string): FigureSource[] {
  return [
    { kind, figure: 'cpu', metric: `${root}.cpu.usage.time` },
    { kind, figure: 'memory', metric: `${root}.memory.usage` },
    { kind, figure: 'read', metric: `${root}.disk.io`, attribute: ['disk.io.direction', 'read'] },
    { kind, figure: 'write', metric: `${root}.disk.io`, attribute: ['disk.io.direction', 'write'] },
    {
      kind,
      figure: 'faults',
      metric: `${root}.paging.faults`,
      attribute: ['system.paging.fault.type', 'major'],
    },
    { kind, figure: 'cpuLimit', metric: `${root}.cpu.limit` },
    { kind, figure: 'memoryLimit', metric: `${root}.memory.limit` },
    ...pressureSources(kind, (resource) => `${root}.${resource}.pressure.time`),
  ]
}

function pressureSources(kind: Kind, metric: (resource: string) => string): FigureSource[] {
  const source = (figure: FigureName, resource: string, type: string): FigureSource => ({
    kind,
    figure,
    metric: metric(resource),
    attribute: ['psi.type', type],
  })
  return [
    source('cpuSome', 'cpu', 'some'),
    source('cpuFull', 'cpu', 'full'),
    source('memorySome', 'memory', 'some'),
    source('memoryFull', 'memory', 'full'),
    source('ioSome', 'io', 'some'),
    source('ioFull', 'io', 'full'),
  ]
}

/** Attributes that say what a point measures, not whose it is. */
const DIMENSIONS: ReadonlySet<string> = new Set([
  'cpu.mode',
  'disk.io.direction',
  'system.device',
  'system.paging.fault.type',
  'process.context_switch.type',
  'psi.type',
  'psi.window',
])

/** Attributes that become known, or change, while the entity stays the same. */
const NAMES: ReadonlySet<string> = new Set([
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.container.name',
  'container.name',
  'container.image.name',
  'container.runtime.name',
])

/** The attributes of an entity, of those of one of its points. */
export function entityAttributes(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !DIMENSIONS.has(key)))
}

/** The same text as long as the entity is the same; it holds when names become known. */
export function entityKey(kind: Kind, attributes: Attributes): string {
  const { 'container.id': container, 'k8s.pod.uid': pod, 'cgroup.path': path } = attributes
  if (kind === 'container' && container !== undefined) return `container:${container}`
  if (kind === 'pod' && pod !== undefined) return `pod:${pod}`
  if (kind === 'cgroup' && path !== undefined) return `cgroup:${path}`
  const isNamed = container !== undefined || pod !== undefined
  const identity = Object.entries(attributes)
    .filter(
      ([key]) =>
        !isNamed || (!NAMES.has(key) && !(container !== undefined && key === 'k8s.pod.uid')),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `${kind}:${JSON.stringify(Object.fromEntries(identity))}`
}
