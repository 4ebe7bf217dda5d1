/** Containers under pressure: who waits for what, and what containers, pods and the node use. */

import type { Resource } from '../../../src/collectors/cgroups/cgroup-files.ts'
import type { PressureRow, StatRow } from '../../../src/collectors/cgroups/definitions.ts'
import {
  EVENT_METRICS,
  LEVELS,
  NODE_METRICS,
  rowKey,
} from '../../../src/collectors/cgroups/definitions.ts'
import { WORKLOAD_METRICS } from '../../../src/collectors/process-groups/definitions.ts'
import type { Level } from '../../../src/entities/cgroup-selection.ts'
import {
  CONTAINER,
  type DashboardNaming,
  panel,
  type Topic,
  WORKLOAD_FILTERS,
  workloadVariables,
} from './common.ts'
import type { PanelSpec } from './grafana.ts'
import { AGENTS, type Measure, measure, Queries } from './queries.ts'

type Type = PressureRow['type']

const SUBJECTS: Readonly<Record<Level, readonly string[]>> = {
  container: CONTAINER,
  pod: ['k8s.namespace.name', 'k8s.pod.name', 'k8s.pod.uid'],
  cgroup: ['cgroup.path', AGENTS.instance],
}
const NOUNS: Readonly<Record<Resource, string>> = {
  cpu: 'CPU',
  memory: 'memory',
  io: 'storage',
  irq: 'interrupts',
}
/** Of these the kernel says when some tasks wait, and when all do. */
const WAITED_FOR = ['cpu', 'memory', 'io'] as const
/** Parts of the time; when everything waits, less is bad. */
const SOME = [
  [0.25, 'yellow'],
  [0.5, 'red'],
] as const
const FULL = [
  [0.1, 'yellow'],
  [0.25, 'red'],
] as const
const NEARLY = [
  [0.9, 'yellow'],
  [0.98, 'red'],
] as const

export function containers(naming: DashboardNaming): Topic {
  const q = new Queries(naming, WORKLOAD_FILTERS)
  // What is neither a container nor a pod has no namespace.
  const others = new Queries(naming, AGENTS)
  const stat = (key: StatRow['field'], level: Level = 'container') =>
    measure(LEVELS[level].table, key)
  const stall = (level: Level, resource: Resource, type: Type) =>
    measure(LEVELS[level].table, rowKey({ resource, type, field: 'total' }))
  const top = (measured: Measure) => q.top(q.now(measured), CONTAINER)
  const topRate = (...[first, ...others]: [Measure, ...Measure[]]) =>
    q.top(q.rate(first, ...others), CONTAINER)
  const ofLimit = (part: Measure, whole: Measure) =>
    q.topRatio(q.now(part), q.now(whole), CONTAINER)
  const waiting = (level: Level, type: Type, resources: readonly Resource[] = WAITED_FOR) =>
    resources.map((resource): PanelSpec => {
      const queries = level === 'cgroup' ? others : q
      const query = queries.top(queries.rate(stall(level, resource, type)), SUBJECTS[level])
      const title = `${type === 'some' ? 'Some tasks wait' : 'All tasks wait'} for ${NOUNS[resource]}`
      return panel(title, query, { thresholds: type === 'some' ? SOME : FULL })
    })
  const device = (title: string, key: string) =>
    panel(
      title,
      q.top(q.rate(measure(LEVELS.container.devices, key)), [...CONTAINER, 'system.device']),
    )
  return {
    title: 'Containers under pressure',
    description:
      'Who waits for CPU, memory and storage, and what containers, pods and the node use.',
    variables: workloadVariables(naming, stall('container', 'cpu', 'some')),
    rows: [
      {
        title: 'Containers that wait',
        panels: [...waiting('container', 'some'), ...waiting('container', 'full')],
      },
      {
        title: 'Nodes that wait',
        panels: WAITED_FOR.map((resource) =>
          panel(
            `Tasks of the node wait for ${NOUNS[resource]}`,
            // The kernel's own CPU `full` means nothing for the node.
            (resource === 'cpu' ? (['some'] as const) : (['some', 'full'] as const)).map((type) => {
              const key = rowKey({ resource, type, field: 'total' })
              const query = q.by(q.rate(measure(NODE_METRICS, key)), [AGENTS.instance])
              return { ...query, legend: `${query.legend} ${type}` }
            }),
            { thresholds: SOME },
          ),
        ),
      },
      { title: 'Pods that wait', panels: [...waiting('pod', 'some'), ...waiting('pod', 'full')] },
      {
        title: 'CPU',
        panels: [
          panel('CPU', topRate(stat('cpuUsage')), { note: '100 % is one CPU.' }),
          panel(
            'CPU, of the limit',
            q.topRatio(q.rate(stat('cpuUsage')), q.now(stat('cpuLimit')), CONTAINER),
            { thresholds: NEARLY },
          ),
          panel(
            'Periods in which the CPU limit was met',
            q.topRatio(q.rate(stat('throttledPeriods')), q.rate(stat('periods')), CONTAINER),
            { thresholds: SOME },
          ),
          panel('CPU in the kernel', topRate(stat('cpuSystem'))),
          panel('Kept from running by the CPU limit', topRate(stat('throttledTime'))),
        ],
      },
      {
        title: 'Memory',
        panels: [
          panel('Working set', top(stat('workingSet'))),
          panel('Working set, of the limit', ofLimit(stat('workingSet'), stat('memoryLimit')), {
            thresholds: NEARLY,
          }),
          panel('Killed for memory', q.top(q.increase(stat('oomKills')), CONTAINER), {
            note: 'In the time that is shown.',
          }),
          panel('Anonymous memory', top(stat('anonymous'))),
          panel('Page cache', top(stat('cache'))),
          panel('Faults served from storage', topRate(stat('majorFaults'))),
        ],
      },
      {
        title: 'Storage',
        panels: [
          device('Read', 'readBytes'),
          device('Written', 'writeBytes'),
          device('Readings', 'reads'),
          device('Writings', 'writes'),
        ],
      },
      {
        title: 'Processes and thresholds',
        panels: [
          panel('Processes', top(measure(WORKLOAD_METRICS, 'processes'))),
          panel('Threads', top(stat('tasks'))),
          panel('Threads, of the limit', ofLimit(stat('tasks'), stat('tasksLimit')), {
            thresholds: NEARLY,
          }),
          panel(
            'Windows beyond a threshold',
            q.top(q.rate(measure(EVENT_METRICS, 'events')), [
              ...CONTAINER,
              'psi.resource',
              'psi.type',
            ]),
            { note: 'Needs pressure.triggers.' },
          ),
        ],
      },
      {
        title: 'Other cgroups',
        panels: [
          ...waiting('cgroup', 'some'),
          panel('CPU', others.top(others.rate(stat('cpuUsage', 'cgroup')), SUBJECTS.cgroup)),
          panel(
            'Working set',
            others.top(others.now(stat('workingSet', 'cgroup')), SUBJECTS.cgroup),
          ),
          panel(
            'Interrupts keep the tasks of containers waiting',
            q.top(q.rate(stall('container', 'irq', 'full')), CONTAINER),
          ),
        ],
      },
    ],
  }
}
