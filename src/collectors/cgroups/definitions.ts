/** The metrics of containers, pods, other cgroups and the node from cgroup v2 and pressure stall information. */

import type { Level } from '../../entities/cgroup-selection.ts'
import { WORKLOAD_KEYS } from '../../entities/workload-attributes.ts'
import type { CgroupStats } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { Stall } from '../../kernel/psi.ts'
import {
  type MetricDefinition,
  type MetricTable,
  metricTable,
  type Subject,
} from '../../telemetry/definitions.ts'
import { PSI_PREFIX } from '../daemonset-names.ts'
import { CADVISOR_DEVICES, CADVISOR_STATS, cadvisorPressure } from './cadvisor-names.ts'
import { RESOURCES, type Resource } from './cgroup-files.ts'

const SCOPE = 'cgroups'

/** One statistic of a cgroup, and its metric. */
export interface StatRow {
  readonly field: keyof CgroupStats
  readonly definition: MetricDefinition
}

/** One value of pressure stall information, and its metric. */
export interface PressureRow {
  readonly resource: Resource
  readonly type: 'some' | 'full'
  readonly field: keyof Stall
  readonly definition: MetricDefinition
}

/** The classic names of a level's pressure; the daemonset that had them knew no others. */
export interface ClassicPressure {
  /** Such as `cgroup_monitor_sc_monitored`. */
  readonly prefix: string
  /** `monitored container`, for the description. */
  readonly subject: string
}

/** The recorder's values. */
const RECORDED: Readonly<Partial<Record<keyof CgroupStats, string>>> = {
  cpuUsage: 'cpu',
  memoryUsage: 'memory',
  majorFaults: 'faults',
  cpuLimit: 'cpuLimit',
  memoryLimit: 'memoryLimit',
}

/**
 * @param root of the names, such as `container`.
 * @param hasCadvisor whether cAdvisor measures such cgroups, too.
 */
function statRows(subject: Subject, root: string, of: string, hasCadvisor: boolean): StatRow[] {
  const row = (
    field: keyof CgroupStats,
    kind: MetricDefinition['kind'],
    unit: string,
    name: string,
    description: string,
    attributes?: Record<string, string>,
  ): StatRow => ({
    field,
    definition: {
      description: `${description} ${of}`,
      kind,
      valueType: unit === 's' || field === 'cpuLimit' ? 'double' : 'int',
      otel: { name: `${root}.${name}`, unit, ...(attributes && { attributes }) },
      ...(hasCadvisor && CADVISOR_STATS[field] && { cadvisor: CADVISOR_STATS[field] }),
      role: { subject, ...(RECORDED[field] && { figure: RECORDED[field] }) },
    },
  })
  const event = (field: keyof CgroupStats, event: string) =>
    row(field, 'counter', '{event}', 'memory.events', 'Times that memory met a limit, by limit,', {
      'memory.event': event,
    })
  const faults = (field: keyof CgroupStats, type: string) =>
    row(field, 'counter', '{fault}', 'paging.faults', 'Page faults', {
      'system.paging.fault.type': type,
    })
  return [
    row('cpuUsage', 'counter', 's', 'cpu.usage.time', 'CPU time in all modes'),
    row('cpuUser', 'counter', 's', 'cpu.time', 'CPU time, by mode,', { 'cpu.mode': 'user' }),
    row('cpuSystem', 'counter', 's', 'cpu.time', 'CPU time, by mode,', { 'cpu.mode': 'system' }),
    row('periods', 'counter', '{period}', 'cpu.throttling.periods', 'Periods of the CPU limit'),
    row(
      'throttledPeriods',
      'counter',
      '{period}',
      'cpu.throttling.throttled_periods',
      'Periods in which the CPU limit was reached',
    ),
    row(
      'throttledTime',
      'counter',
      's',
      'cpu.throttling.time',
      'Time that tasks were kept from running by the CPU limit',
    ),
    row('cpuLimit', 'gauge', '{cpu}', 'cpu.limit', 'CPUs that may be used at once'),
    row('memoryUsage', 'updowncounter', 'By', 'memory.usage', 'Memory, page cache included,'),
    row(
      'workingSet',
      'updowncounter',
      'By',
      'memory.working_set',
      'Memory without inactive file pages',
    ),
    row('anonymous', 'updowncounter', 'By', 'memory.rss', 'Anonymous memory'),
    row('cache', 'updowncounter', 'By', 'memory.cache', 'Page cache'),
    row('kernel', 'updowncounter', 'By', 'memory.kernel', 'Memory of the kernel on behalf'),
    row('swap', 'updowncounter', 'By', 'memory.swap', 'Swapped-out memory'),
    row('memoryLimit', 'gauge', 'By', 'memory.limit', 'Memory that may be used'),
    faults('minorFaults', 'minor'),
    faults('majorFaults', 'major'),
    event('eventsLow', 'low'),
    event('eventsHigh', 'high'),
    event('eventsMax', 'max'),
    event('eventsOom', 'oom'),
    row('oomKills', 'counter', '{process}', 'memory.oom_kills', 'Processes killed for memory'),
    row('tasks', 'updowncounter', '{thread}', 'thread.count', 'Threads'),
    row('tasksLimit', 'gauge', '{thread}', 'thread.limit', 'Threads that there may be'),
  ]
}

/** Resources in classic names; there are none for interrupts. */
const CLASSIC: Readonly<Partial<Record<Resource, string>>> = { cpu: 'cpu', memory: 'mem', io: 'io' }
const WINDOWS = { avg10: '10s', avg60: '60s', avg300: '300s' } as const
const PERCENT = 100
const MICROSECONDS_PER_SECOND = 1e6

/** @param name gives the name of a resource's metrics, such as `container.cpu.pressure`. */
function pressureRows(
  subject: Subject,
  name: (resource: Resource) => string,
  of: string,
  classic?: ClassicPressure,
  hasCadvisor = false,
): PressureRow[] {
  return RESOURCES.flatMap((resource) =>
    (['some', 'full'] as const)
      .filter((type) => resource !== 'irq' || type === 'full')
      .flatMap((type) => rowsOf(subject, resource, type, name(resource), of, classic, hasCadvisor)),
  )
}

function rowsOf(
  subject: Subject,
  resource: Resource,
  type: 'some' | 'full',
  name: string,
  of: string,
  classic: ClassicPressure | undefined,
  hasCadvisor: boolean,
): PressureRow[] {
  const cadvisor = hasCadvisor ? cadvisorPressure(resource, type) : undefined
  const short = CLASSIC[resource]
  const named = (window: string, scale: number) =>
    // The daemonset had only `some` of the CPU.
    classic === undefined || short === undefined || (resource === 'cpu' && type === 'full')
      ? {}
      : {
          classic: {
            name: `${classic.prefix}_${short}_psi`,
            attributes: { type, window },
            kind: 'gauge' as const,
            scale,
            description: `${HELP[resource]} PSI of ${classic.subject}`,
          },
        }
  return [
    {
      resource,
      type,
      field: 'total',
      definition: {
        description: `Time in which tasks ${of} waited for the resource: some of them, or all at once. The two must not be added`,
        kind: 'counter',
        valueType: 'double',
        otel: { name: `${name}.time`, unit: 's', attributes: { 'psi.type': type } },
        ...named('total', MICROSECONDS_PER_SECOND),
        ...(cadvisor && { cadvisor }),
        role: {
          subject,
          figure: `${resource}${type === 'some' ? 'Some' : 'Full'}`,
          pressure: { resource, type, field: 'total' },
        },
      },
    },
    ...(Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]).map(
      (field): PressureRow => ({
        resource,
        type,
        field,
        definition: {
          description: `Part of the time in which tasks ${of} waited for the resource, averaged by the kernel over a window`,
          kind: 'gauge',
          valueType: 'double',
          otel: {
            name: `${name}.avg`,
            unit: '1',
            attributes: { 'psi.type': type, 'psi.window': WINDOWS[field] },
          },
          ...named(WINDOWS[field], PERCENT),
          role: { subject, pressure: { resource, type, field } },
        },
      }),
    ),
  ]
}

const HELP: Readonly<Record<Resource, string>> = { cpu: 'CPU', memory: 'Mem', io: 'IO', irq: 'IRQ' }

/** The rows and the tables of metrics of one level. */
export interface LevelRows {
  readonly stats: readonly StatRow[]
  readonly pressures: readonly PressureRow[]
  readonly table: MetricTable
  readonly devices: MetricTable
}

const SUBJECTS: Readonly<Record<Level, { root: string; of: string }>> = {
  container: { root: 'container', of: 'of the container' },
  pod: { root: 'k8s.pod', of: 'of the pod, from its own cgroup' },
  cgroup: { root: 'cgroup', of: 'of the cgroup' },
}

const KEYS = {
  ...WORKLOAD_KEYS,
  'cgroup.path': { description: 'Path of a cgroup that is neither a container nor a pod' },
}
const DEVICE_KEYS = {
  ...KEYS,
  'system.device': {
    description: 'Name of the device, or its numbers where it has none',
    cadvisor: 'device',
  },
}

/** The metrics of containers, pods and other cgroups. */
export const LEVELS: Readonly<Record<Level, LevelRows>> = {
  container: levelRows('container'),
  pod: levelRows('pod'),
  cgroup: levelRows('cgroup'),
}

/** The rows of the node's pressure. */
export const NODE_PRESSURE = pressureRows(
  'node',
  (resource) => `system.${resource}.linux.pressure`,
  'of the node',
  { prefix: `${PSI_PREFIX}_monitored_node`, subject: 'monitored node' },
)

/** The metrics of the node's pressure. */
export const NODE_METRICS = metricTable({
  scope: SCOPE,
  keys: {},
  metrics: byName(NODE_PRESSURE),
})

/** One series for each container and trigger. */
export const EVENT_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    ...WORKLOAD_KEYS,
    'psi.resource': { description: '`cpu`, `memory` or `io`' },
    'psi.type': { description: '`some` or `full`' },
    'psi.stall': { description: 'The threshold: how long tasks waited within a window' },
    'psi.window': { description: 'The window of the threshold' },
  },
  metrics: {
    events: {
      description: 'Windows in which tasks of the container waited for longer than the threshold',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'container.pressure.events', unit: '{event}' },
    },
  },
})

/** What the collector reports of its own reading. */
export const SELF_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    'cgroup.file': { description: 'File of a cgroup' },
    'error.type': { description: "The kernel's error, or EFORMAT for a file that can't be parsed" },
  },
  metrics: {
    cgroups: {
      description: 'Cgroups that the last collection saw',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'cgroup.collection.cgroups', unit: '{cgroup}' },
      // It is in every complete collection, also where there is no pressure.
      role: { subject: 'node' },
    },
    omitted: {
      description: 'Cgroups that lay too deep, were too many, or may not be looked at',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'cgroup.collection.omitted', unit: '{cgroup}' },
    },
  },
})

/** One series for each file. */
export const FILE_METRICS = metricTable({
  scope: SCOPE,
  keys: SELF_METRICS.keys,
  metrics: {
    missing: {
      description: 'Cgroups that do not have the file, or do not say what it has for them',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'cgroup.file.missing', unit: '{cgroup}' },
    },
    errors: {
      description:
        "Readings of the file that failed, but for one that is not there; those of the node's own pressure are below /proc/pressure",
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'cgroup.file.errors', unit: '{error}' },
    },
  },
})

/** All metrics of the collector of cgroups. */
export const CGROUP_TABLES: readonly MetricTable[] = [
  ...Object.values(LEVELS).flatMap(({ table, devices }) => [table, devices]),
  NODE_METRICS,
  EVENT_METRICS,
  SELF_METRICS,
  FILE_METRICS,
]

function levelRows(level: Level): LevelRows {
  const { root, of } = SUBJECTS[level]
  // The kubelet serves the slices above pods under the same names, distinguished by a path label that is not exported here.
  const hasCadvisor = level !== 'cgroup'
  const stats = statRows(level, root, of, hasCadvisor)
  const pressures = pressureRows(
    level,
    (resource) => `${root}.${resource}.pressure`,
    of,
    level === 'container'
      ? { prefix: `${PSI_PREFIX}_monitored`, subject: 'monitored container' }
      : undefined,
    hasCadvisor,
  )
  const table = metricTable({
    scope: SCOPE,
    keys: KEYS,
    metrics: { ...byName(stats), ...byName(pressures) },
  })
  const io = (
    field: keyof typeof CADVISOR_DEVICES,
    direction: 'read' | 'write',
    name: string,
    unit: string,
    description: string,
  ) =>
    ({
      description: `${description} ${of}`,
      kind: 'counter',
      valueType: 'int',
      otel: {
        name: `${root}.disk.${name}`,
        unit,
        attributes: { 'disk.io.direction': direction },
      },
      ...(hasCadvisor && { cadvisor: CADVISOR_DEVICES[field] }),
      role: { subject: level, ...(unit === 'By' && { figure: direction }) },
    }) as const
  const devices = metricTable({
    scope: SCOPE,
    keys: DEVICE_KEYS,
    metrics: {
      readBytes: io('readBytes', 'read', 'io', 'By', 'Bytes from and to storage'),
      writeBytes: io('writeBytes', 'write', 'io', 'By', 'Bytes from and to storage'),
      reads: io('reads', 'read', 'operations', '{operation}', 'Operations on storage'),
      writes: io('writes', 'write', 'operations', '{operation}', 'Operations on storage'),
    },
  })
  return { stats, pressures, table, devices }
}

/** The name of a row in its table. */
export function rowKey(
  row: Pick<StatRow, 'field'> | Pick<PressureRow, 'resource' | 'type' | 'field'>,
): string {
  return 'resource' in row ? `${row.resource} ${row.type} ${row.field}` : row.field
}

function byName(rows: readonly (StatRow | PressureRow)[]) {
  return Object.fromEntries(rows.map((row) => [rowKey(row), row.definition]))
}
