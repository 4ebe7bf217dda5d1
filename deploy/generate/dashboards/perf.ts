/** Perf counters: how well programs use the CPUs they have. */
import {
  COVERAGE,
  PERF_EVENTS,
  PERF_SELF_METRICS,
  PERF_TABLES,
  tailOf,
} from '../../../src/collectors/perf/definitions.ts'
import { EVENTS, type EventClass } from '../../../src/kernel/perf-events/events.ts'
import {
  CONTAINER,
  type DashboardNaming,
  panel,
  type Topic,
  WORKLOAD_FILTERS,
  workloadVariables,
} from './common.ts'
import { AGENTS, measure, Queries } from './queries.ts'

const HIT = /Hit$/
/** Pairs of hardware events whose ratio says more than either. */
const RATIOS = [
  ['Instructions in a cycle', 'Instructions', 'CPUCycles', 'short'],
  ['Cache misses, of the references', 'CacheMisses', 'CacheRefs', 'percentunit'],
  ['Branch misses, of the branches', 'BranchMisses', 'BranchInstr', 'percentunit'],
] as const
const COVERAGE_NOTE = 'Below a tenth, do not trust the values of the other panels.'

export function perf(naming: DashboardNaming): Topic {
  const q = new Queries(naming, WORKLOAD_FILTERS)
  const of = (label: string) => measure(PERF_TABLES.container, label)
  const ratio = (part: string, whole: string, unit: string) =>
    q.topRatio(q.rate(of(part)), q.rate(of(whole)), CONTAINER, unit)
  const each = (wanted: EventClass) =>
    EVENTS.filter((event) => event.class === wanted).map((event) =>
      panel(sentence(tailOf(event)), q.top(q.rate(of(event.label)), CONTAINER)),
    )
  const missRatios = EVENTS.filter(({ label }) => HIT.test(label)).flatMap((event) => {
    const miss = event.label.replace(HIT, 'Miss')
    if (!EVENTS.some(({ label }) => label === miss)) return []
    const title = `${sentence(tailOf(event).replace(/_hit$/, ''))}: misses, of the accesses`
    return panel(title, ratio(miss, event.label, 'percentunit'))
  })
  const ofNodes = (key: keyof typeof PERF_SELF_METRICS.metrics) =>
    q.by(q.now(measure(PERF_SELF_METRICS, key)), [AGENTS.instance])
  return {
    title: 'Perf counters',
    description:
      'How well containers use the CPUs they have. Which events are counted is for perf.hardware, perf.software and perf.cache to say.',
    variables: workloadVariables(naming, of('TaskClock')),
    rows: [
      {
        title: 'Ratios',
        panels: RATIOS.map(([title, part, whole, unit]) => panel(title, ratio(part, whole, unit))),
      },
      { title: 'Software events', panels: each('software') },
      { title: 'Hardware events', panels: each('hardware') },
      { title: 'Caches', panels: missRatios },
      {
        title: 'The counters themselves',
        panels: [
          panel(
            'Part of the time in which events are counted',
            q.by(q.now(of(COVERAGE)), CONTAINER, 'min'),
            { note: COVERAGE_NOTE },
          ),
          panel('Descriptors', ofNodes('descriptors')),
          panel('Not counted, for want of descriptors', ofNodes('omitted')),
          panel('Failures', q.by(q.rate(measure(PERF_SELF_METRICS, 'errors')), [AGENTS.instance])),
          panel(
            'Events, and why they are not counted',
            q.by(q.now(measure(PERF_EVENTS, 'supported')), ['perf.event', 'error.type'], 'min'),
            { type: 'table', width: 16 },
          ),
        ],
      },
    ],
  }
}

function sentence(tail: string): string {
  const words = tail.replaceAll('_', ' ')
  return words[0].toUpperCase() + words.slice(1)
}
