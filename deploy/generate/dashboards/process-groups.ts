/** Process groups: what programs use, wait for and do. */
import {
  GROUP_METRICS,
  THREAD_METRICS,
  WAIT_METRICS,
} from '../../../src/collectors/process-groups/definitions.ts'
import {
  type DashboardNaming,
  OWNER,
  panel,
  stat,
  type Topic,
  WORKLOAD_FILTERS,
  workloadVariables,
} from './common.ts'
import { AGENTS, measure, Queries } from './queries.ts'

type Key = keyof typeof GROUP_METRICS.metrics

const NAME = 'procgroup.name'
const GROUP = [NAME, ...OWNER, AGENTS.instance]
const THREAD = [NAME, 'procgroup.thread.name', ...OWNER]
const CHANNEL = [NAME, 'procgroup.wait.channel', ...OWNER]
/** Parts of the descriptors that a process may have. */
const DESCRIPTORS = [
  [0.8, 'yellow'],
  [0.95, 'red'],
] as const

export function processGroups(naming: DashboardNaming): Topic {
  const q = new Queries(naming, { ...WORKLOAD_FILTERS, [NAME]: 'group' })
  const of = (key: Key) => measure(GROUP_METRICS, key)
  const now = (key: Key) => q.now(of(key))
  const top = (key: Key) => q.top(now(key), GROUP)
  const topRate = (key: Key, ...more: Key[]) => q.top(q.rate(of(key), ...more.map(of)), GROUP)
  const state = (key: Key) => q.total(now(key), key)
  const threads = {
    cpu: q.rate(measure(THREAD_METRICS, 'cpuUser'), measure(THREAD_METRICS, 'cpuSystem')),
    read: q.rate(measure(THREAD_METRICS, 'diskRead')),
    written: q.rate(measure(THREAD_METRICS, 'diskWrite')),
  }
  return {
    title: 'Process groups',
    description: 'What programs use, wait for and do: by group, and by the container they run in.',
    variables: [
      ...workloadVariables(naming, of('processes')),
      {
        name: 'group',
        label: 'Group',
        query: new Queries(naming, WORKLOAD_FILTERS).values(of('processes'), NAME),
      },
    ],
    rows: [
      {
        title: 'All groups that are chosen',
        panels: [
          stat('Groups', q.total(now('processes'), '', 'count')),
          stat('Processes', q.total(now('processes'), '')),
          stat('Threads', q.total(now('threads'), '')),
          stat('Memory', q.total(now('memoryProportional'), '')),
          stat('Processes that ended', q.total(q.increase(of('exits')), '')),
          stat('Restarts', q.total(q.increase(of('restarts')), '')),
        ],
      },
      {
        title: 'CPU',
        panels: [
          panel('CPU', topRate('cpuUser', 'cpuSystem'), { note: '100 % is one CPU.' }),
          panel('CPU in the kernel', topRate('cpuSystem')),
          panel(
            'Threads by state',
            ['running', 'sleeping', 'waiting', 'zombie', 'other'].map((key) => state(key as Key)),
            { isStacked: true },
          ),
          panel('Taken off the CPU', topRate('involuntarySwitches'), {
            note: 'Other work had its turn.',
          }),
          panel('Waits', topRate('voluntarySwitches')),
          panel('Threads that wait without interruption', top('waiting'), {
            note: 'For storage, mostly.',
          }),
        ],
      },
      {
        title: 'Memory',
        panels: [
          panel('Proportional memory', top('memoryProportional')),
          panel('Unique memory', top('memoryUnique')),
          panel('Resident memory', top('memoryResident')),
          panel('Shared memory', top('memoryShared')),
          panel('Swapped-out memory', top('memorySwapped')),
          panel('Faults served from storage', topRate('majorFaults')),
        ],
      },
      {
        title: 'Storage and files',
        panels: [
          panel('Read from storage', topRate('diskRead')),
          panel('Written to storage', topRate('diskWrite')),
          panel('Descriptors used of the limit', q.top(now('worstDescriptorRatio'), GROUP, 'max'), {
            thresholds: DESCRIPTORS,
          }),
          panel('Open descriptors', top('openDescriptors')),
        ],
      },
      {
        title: 'Life',
        panels: [
          panel('Processes', top('processes')),
          panel('Threads', top('threads')),
          panel('Processes that end', topRate('exits')),
          panel('Restarts', topRate('restarts')),
          panel('Age of the oldest process', q.top(now('uptime'), GROUP, 'max')),
        ],
      },
      {
        title: 'Threads',
        panels: [
          panel('CPU by name of the thread', q.top(threads.cpu, THREAD)),
          panel('Read by name of the thread', q.top(threads.read, THREAD)),
          panel('Written by name of the thread', q.top(threads.written, THREAD)),
          panel('What threads wait in', q.top(q.now(measure(WAIT_METRICS, 'waiting')), CHANNEL)),
        ],
      },
    ],
  }
}
