/** The agents themselves: whether they run, collect and deliver, what they cost, and what they could not read. */
import {
  BUILD_METRICS,
  COLLECTOR_KEY,
  COLLECTOR_METRICS,
  EXPORT_METRICS,
  FAILURE_METRICS,
  NAME_SOURCE_KEY,
  NAME_SOURCE_METRICS,
  PROCESS_METRICS,
  REQUEST_METRICS,
  SKIPPED_METRICS,
} from '../../../src/collectors/agent/definitions.ts'
import {
  SELF_METRICS as CGROUP_READING,
  FILE_METRICS,
} from '../../../src/collectors/cgroups/definitions.ts'
import { SELF_METRICS } from '../../../src/collectors/process-groups/definitions.ts'
import { type DashboardNaming, panel, stat, type Topic } from './common.ts'
import { AGENTS, measure, Queries } from './queries.ts'

const NODE = [AGENTS.instance]
const COLLECTOR = [COLLECTOR_KEY, AGENTS.instance]
const SOURCE = [NAME_SOURCE_KEY, AGENTS.instance]
const ERROR = 'error.type'
/** Seconds; a scrape or push is due every minute at the latest, unless told otherwise. */
const AGE = [
  [120, 'yellow'],
  [180, 'red'],
] as const
const ANY = [[1, 'red']] as const

export function agent(naming: DashboardNaming): Topic {
  const q = new Queries(naming, AGENTS)
  const info = q.now(measure(BUILD_METRICS, 'info'))
  const collector = (key: keyof typeof COLLECTOR_METRICS.metrics) =>
    q.now(measure(COLLECTOR_METRICS, key))
  const own = (key: keyof typeof PROCESS_METRICS.metrics) => measure(PROCESS_METRICS, key)
  const source = (key: keyof typeof NAME_SOURCE_METRICS.metrics) =>
    measure(NAME_SOURCE_METRICS, key)
  const reading = (key: keyof typeof SELF_METRICS.metrics) => measure(SELF_METRICS, key)
  const delay = (key: 'eventLoopP99' | 'eventLoopMax', tail: string) => {
    const query = q.by(q.now(own(key)), NODE, 'max')
    return { ...query, legend: `${query.legend} ${tail}` }
  }
  const outcome = (key: 'grouped' | 'ignored' | 'vanished' | 'failed') =>
    q.total(q.now(reading(key)), key)
  const reload = (key: 'reloaded' | 'refused') => q.total(q.increase(reading(key)), key)
  const timestamp = collector('timestamp')
  const exported = q.rate(measure(EXPORT_METRICS, 'exported'))
  return {
    title: 'Agents',
    description:
      'Whether the agents run, collect and deliver, what they cost, and what they could not read.',
    rows: [
      {
        title: 'All agents that are chosen',
        panels: [
          stat('Agents', q.total(info, '')),
          stat('Versions', q.total(q.by(info, ['version']), '', 'count')),
          stat('Series', q.total(collector('series'), '')),
          stat('Worst collector', q.total(collector('success'), '', 'min')),
          stat('Series left out', q.total(collector('dropped'), '')),
          stat('Memory', q.total(q.now(own('memory')), '')),
        ],
      },
      {
        title: 'Collections',
        panels: [
          panel('Time for a collection', q.top(collector('duration'), COLLECTOR)),
          panel(
            'Collectors that failed',
            q.top(q.increase(measure(FAILURE_METRICS, 'errors')), [...COLLECTOR, ERROR]),
            { note: 'In the time that is shown. Without any failure there is no data.' },
          ),
          panel(
            'Age of the snapshot',
            q.by({ ...timestamp, text: `time() - ${timestamp.text}` }, NODE, 'max'),
            { thresholds: AGE },
          ),
          panel('Series', q.top(collector('series'), COLLECTOR)),
          panel('Series left out', q.top(collector('dropped'), COLLECTOR), { thresholds: ANY }),
          panel('Agents by version', q.by(info, ['version', 'nodejs_version', 'arch']), {
            type: 'table',
          }),
        ],
      },
      {
        title: 'What an agent costs',
        panels: [
          panel('CPU', q.top(q.rate(own('cpuUser'), own('cpuSystem')), NODE), {
            note: '100 % is one CPU.',
          }),
          panel('Memory', q.top(q.now(own('memory')), NODE)),
          panel('Delay of the event loop', [
            delay('eventLoopP99', 'p99'),
            delay('eventLoopMax', 'longest'),
          ]),
          panel('Time since the start', q.by(q.now(own('uptime')), NODE, 'min')),
        ],
      },
      {
        title: 'Pushes',
        panels: [
          panel('Points by what became of them', q.by(exported, [ERROR]), {
            note: 'Those without an error have arrived.',
          }),
          panel(
            'Requests by status',
            q.by(q.rate(measure(REQUEST_METRICS, 'sent')), ['rpc.status_code']),
          ),
          panel(
            'Pushes without anything to send',
            q.by(q.rate(measure(SKIPPED_METRICS, 'skipped')), NODE),
          ),
        ],
      },
      {
        title: 'Names of containers and pods',
        panels: [
          panel('Sources that answer', q.by(q.now(source('success')), SOURCE)),
          panel('Containers with names', q.by(q.now(source('containers')), SOURCE)),
          panel('Answers', q.by(q.rate(source('lists')), SOURCE)),
          panel('Failures', q.by(q.rate(source('errors')), SOURCE)),
        ],
      },
      {
        title: 'Processes that were read',
        panels: [
          panel(
            'Processes in a collection',
            [outcome('grouped'), outcome('ignored'), outcome('vanished'), outcome('failed')],
            { isStacked: true },
          ),
          panel('Failed collections', q.by(q.rate(reading('collectionErrors')), NODE)),
          panel('Failed processes', q.by(q.rate(reading('processErrors')), NODE)),
          panel('Incomplete processes', q.by(q.rate(reading('partialErrors')), NODE)),
          panel(
            'Files that could not be read',
            q.top(q.rate(reading('fileErrors')), ['process.file', ERROR]),
          ),
          panel('Rules that were read again', [reload('reloaded'), reload('refused')], {
            note: 'In the time that is shown.',
          }),
        ],
      },
      {
        title: 'Cgroups that were read',
        panels: [
          panel('Cgroups', q.by(q.now(measure(CGROUP_READING, 'cgroups')), NODE)),
          panel('Left out', q.by(q.now(measure(CGROUP_READING, 'omitted')), NODE), {
            thresholds: ANY,
          }),
          panel(
            'Cgroups without a file',
            q.top(q.now(measure(FILE_METRICS, 'missing')), ['cgroup.file']),
          ),
          panel(
            'Files that could not be read',
            q.top(q.rate(measure(FILE_METRICS, 'errors')), ['cgroup.file', ERROR]),
          ),
        ],
      },
    ],
  }
}
