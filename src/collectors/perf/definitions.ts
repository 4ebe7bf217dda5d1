/** The metrics of perf events, generated from the table of events: one per event, since units differ. */

import type { Level } from '../../entities/cgroup-selection.ts'
import { GROUP_KEYS } from '../../entities/group-members.ts'
import { WORKLOAD_KEYS } from '../../entities/workload-attributes.ts'
import { EVENTS, type PerfEvent } from '../../kernel/perf-events/events.ts'
import {
  type MetricDefinition,
  type MetricTable,
  metricTable,
} from '../../telemetry/definitions.ts'
import { PERF_PREFIX } from '../daemonset-names.ts'

const SCOPE = 'perf'
/** The label that the perf daemonset had; a restarted container has another id anyway. */
export const FIRST_PROCESS = 'process.pid'
const KEYS: MetricTable['keys'] = {
  ...WORKLOAD_KEYS,
  [FIRST_PROCESS]: {
    description: "PID of the container's first process when its counting began",
    classic: 'pid',
    cadvisor: false,
  },
  'cgroup.path': { description: 'Path of a cgroup that is neither a container nor a pod' },
}

/** Tails of names that are not the label in lower case. */
const TAILS: Readonly<Record<string, string>> = {
  Instructions: 'instruction',
  BranchInstr: 'branch_instructions',
}
const NANOSECONDS_PER_SECOND = 1e9
/** Key of the row for the part of the time in which events were counted. */
export const COVERAGE = 'coverage'
/** Labels of times: how long events were enabled, and how long they were counted. */
export const TIMES = { TimeEnabled: 'enabled', TimeRunning: 'running' } as const

/** What perf events are counted for. */
export type PerfScope = Level | 'group'

const ROOTS: Readonly<Record<PerfScope, string>> = {
  container: 'container',
  pod: 'k8s.pod',
  cgroup: 'cgroup',
  group: 'procgroup',
}

/** The tail of an event's metric names, such as `l1_data_read_hit`. */
export function tailOf({ label }: PerfEvent): string {
  const words = label.match(/L1|[A-Z]+(?![a-z])|[A-Z][a-z]+/g) ?? [label]
  return TAILS[label] ?? words.join('_').toLowerCase()
}

/** Whether the event is a clock, whose value is in nanoseconds. */
export function isClock({ label }: PerfEvent): boolean {
  return label.endsWith('Clock')
}

/** The metrics of perf events, by what they are counted for. */
export const PERF_TABLES: Readonly<Record<PerfScope, MetricTable>> = {
  container: levelTable('container'),
  pod: levelTable('pod'),
  cgroup: levelTable('cgroup'),
  group: levelTable('group'),
}

function levelTable(level: PerfScope): MetricTable {
  const metrics = EVENTS.map((event): [string, MetricDefinition] => [
    event.label,
    definition(event, level),
  ])
  return metricTable({
    scope: SCOPE,
    keys: level === 'group' ? GROUP_KEYS : KEYS,
    metrics: {
      ...Object.fromEntries(metrics),
      ...Object.fromEntries(
        Object.entries(TIMES).map(([label, field]) => [label, time(label, field, level)]),
      ),
      [COVERAGE]: {
        description:
          'Part of the time in which an event was counted while it was to be, of the event with least; values are scaled up by it',
        kind: 'gauge',
        valueType: 'double',
        otel: { name: `${ROOTS[level]}.perf.coverage`, unit: '1' },
      },
    },
  })
}

function time(label: string, field: 'enabled' | 'running', level: PerfScope): MetricDefinition {
  const tail = `time_${field}`
  return {
    description: `perf label ${label}: CPU time in which events were ${field === 'enabled' ? 'to be counted' : 'counted'}, of the event with most`,
    kind: 'counter',
    valueType: 'double',
    otel: { name: `${ROOTS[level]}.perf.${tail}`, unit: 's' },
    ...(level === 'container' && {
      classic: { name: `${PERF_PREFIX}_${tail}`, scale: NANOSECONDS_PER_SECOND },
    }),
  }
}

function definition(event: PerfEvent, level: PerfScope): MetricDefinition {
  const tail = tailOf(event)
  const isSeconds = isClock(event)
  return {
    description: `${describe(event)}, since the agent began to count`,
    kind: 'counter',
    valueType: 'double',
    otel: { name: `${ROOTS[level]}.perf.${tail}`, unit: isSeconds ? 's' : unitOf(event) },
    ...(level === 'container' && {
      classic: {
        name: `${PERF_PREFIX}_${tail}`,
        ...(isSeconds && { scale: NANOSECONDS_PER_SECOND }),
      },
    }),
  }
}

function describe({ class: name, label }: PerfEvent): string {
  const words = tailOf({ label } as PerfEvent).replaceAll('_', ' ')
  if (name !== 'cache') return `perf event ${label}: ${words}`
  return label.endsWith('Hit')
    ? `perf event ${label}: ${words.replace(/ hit$/, '')} accesses, hits and misses together`
    : `perf event ${label}: ${words.replace(/ miss$/, '')} misses`
}

function unitOf({ label, class: name }: PerfEvent): string {
  if (name === 'cache') return label.endsWith('Hit') ? '{access}' : '{miss}'
  if (label.includes('Cycles')) return '{cycle}'
  if (label.includes('Faults')) return '{fault}'
  if (label.includes('Instr')) return '{instruction}'
  if (label.includes('Misses')) return '{miss}'
  return label === 'CacheRefs'
    ? '{reference}'
    : label === 'CPUMigrations'
      ? '{migration}'
      : '{switch}'
}

/** What the collector reports of its own reading. */
export const PERF_SELF_METRICS = metricTable({
  scope: SCOPE,
  keys: {},
  metrics: {
    descriptors: {
      description:
        'Descriptors in use: one for each event, CPU and cgroup, or each event and thread',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'perf.descriptors', unit: '{descriptor}' },
    },
    omitted: {
      description:
        'Cgroups and processes that are not counted because there are too few file descriptors',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'perf.omitted', unit: '{target}' },
    },
    errors: {
      description: 'Events of single cgroups, CPUs and threads that could not be counted',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'perf.errors', unit: '{error}' },
    },
  },
})

/** One series for each wanted event. */
export const PERF_EVENTS = metricTable({
  scope: SCOPE,
  keys: {
    'perf.event': { description: 'Label of the event' },
    'error.type': { description: "The kernel's error, where the event can't be counted" },
  },
  metrics: {
    supported: {
      description: '1 for an event that this machine counts and the agent may count, else 0',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'perf.event.supported', unit: '' },
    },
  },
})

/** All metrics of the collector of perf events. */
export const ALL_PERF_TABLES: readonly MetricTable[] = [
  ...Object.values(PERF_TABLES),
  PERF_SELF_METRICS,
  PERF_EVENTS,
]
