/** The metrics of containers, pods, other cgroups and the node from cgroup v2 and pressure stall information. */
import { type MetricTable, metricTable } from '../../telemetry/definitions.ts'
import { WORKLOAD_KEYS } from '../workload-attributes.ts'
import { CADVISOR_DEVICES } from './cadvisor-names.ts'
import { PSI_PREFIX } from './daemonset-names.ts'
import { type FigureRow, figureRows, type PressureRow, pressureRows } from './figure-definitions.ts'

const SCOPE = 'cgroups'

/** What a cgroup is to the agent. */
export type Level = 'container' | 'pod' | 'cgroup'

export interface LevelRows {
  readonly figures: readonly FigureRow[]
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

export const LEVELS: Readonly<Record<Level, LevelRows>> = {
  container: levelRows('container'),
  pod: levelRows('pod'),
  cgroup: levelRows('cgroup'),
}

export const NODE_PRESSURE = pressureRows(
  (resource) => `system.${resource}.linux.pressure`,
  'of the node',
  { prefix: `${PSI_PREFIX}_monitored_node`, subject: 'monitored node' },
)

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

/** What the collector says of its own reading. */
export const READING_METRICS = metricTable({
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
  keys: READING_METRICS.keys,
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

export const CGROUP_TABLES: readonly MetricTable[] = [
  ...Object.values(LEVELS).flatMap(({ table, devices }) => [table, devices]),
  NODE_METRICS,
  EVENT_METRICS,
  READING_METRICS,
  FILE_METRICS,
]

function levelRows(level: Level): LevelRows {
  const { root, of } = SUBJECTS[level]
  // The kubelet serves the slices above pods under the same names, told apart by a path that we don't have.
  const hasCadvisor = level !== 'cgroup'
  const figures = figureRows(root, of, hasCadvisor)
  const pressures = pressureRows(
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
    metrics: { ...byName(figures), ...byName(pressures) },
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
  return { figures, pressures, table, devices }
}

/** The name of a row in its table. */
export function rowKey(
  row: Pick<FigureRow, 'field'> | Pick<PressureRow, 'resource' | 'type' | 'field'>,
): string {
  return 'resource' in row ? `${row.resource} ${row.type} ${row.field}` : row.field
}

function byName(rows: readonly (FigureRow | PressureRow)[]) {
  return Object.fromEntries(rows.map((row) => [rowKey(row), row.definition]))
}
