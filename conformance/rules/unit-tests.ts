/** Tests for `promtool test rules`: what the agent itself says over a timeline of events, and when an alert must fire. */
import { processGroups } from '../../test/support/process-groups.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { type Alert, GROUP } from './alerts.ts'
import { type InputSeries, inputSeries, NODE } from './input-series.ts'

/** Whether the program runs in a minute; or that the agent itself does not. */
type Minute = 'runs' | 'absent' | 'agent is away'

export interface Timeline {
  readonly title: string
  readonly minutes: readonly Minute[]
  /** Seconds after the start, and whether the alert fires then. */
  readonly alerts: readonly (readonly [seconds: number, fires: boolean])[]
}

/** Seconds between two scrapes, and between two evaluations. */
export const INTERVAL = 15
const NUM_PROCS = 'namedprocess_namegroup_num_procs'
const WATCHED = [NUM_PROCS, 'namedprocess_scrape_errors']

export const TIMELINES: readonly Timeline[] = [
  {
    title: 'the last process ends after two minutes',
    minutes: ['runs', 'runs', 'absent', 'absent', 'runs'],
    alerts: [
      [105, false],
      [165, false],
      [180, true],
      [225, true],
      [240, false],
    ],
  },
  {
    title: 'the program is absent when the agent starts',
    minutes: ['absent', 'absent', 'runs'],
    alerts: [
      [45, false],
      [60, true],
      [105, true],
      [120, false],
    ],
  },
  {
    title: 'it is away for less than a minute',
    minutes: ['runs', 'absent', 'runs', 'runs'],
    alerts: [
      [105, false],
      [120, false],
      [180, false],
    ],
  },
  {
    title: 'the agent itself is away',
    minutes: ['agent is away', 'agent is away', 'agent is away'],
    alerts: [
      [60, false],
      [165, false],
    ],
  },
]

/** The test of one alert over one timeline of events, and the values of `num_procs` in it, for people. */
export async function unitTest(alert: Alert, { title, minutes, alerts }: Timeline) {
  const input = await observe(alert, minutes)
  const { name, rule, description } = alert
  const expected = {
    exp_labels: { ...NODE, ...rule.labels, groupname: GROUP, severity: 'critical' },
    exp_annotations: { summary: `${GROUP} has no process on ${NODE.instance}`, description },
  }
  const test = {
    name: `${name}: ${title}`,
    interval: `${INTERVAL}s`,
    input_series: input,
    alert_rule_test: alerts.map(([seconds, fires]) => ({
      eval_time: `${seconds}s`,
      alertname: name,
      exp_alerts: fires ? [expected] : [],
    })),
  }
  const found = input.find(({ series }) => series.startsWith(NUM_PROCS))
  return { test, values: found?.values ?? 'no sample' }
}

/** Two CPU counters of a process of the host and of one in a pod, and what the recording rules make of them. */
export function recordingTest() {
  const name = 'namedprocess_namegroup_cpu_seconds_total'
  const inPod = ['pod_name="cart"', 'container_id="c1"']
  const counter = (mode: string, perScrape: number, labels: readonly string[] = []) => ({
    series: `${name}{${[`mode="${mode}"`, 'groupname="sh"', 'instance="n"', ...labels].join(',')}}`,
    values: `0+${perScrape}x8`,
  })
  const host = '{groupname="sh",instance="n"}'
  const pod = '{groupname="sh",instance="n",pod_name="cart",container_id="c1"}'
  const query = (expr: string, samples: Readonly<Record<string, number>>) => ({
    expr,
    eval_time: '2m',
    exp_samples: Object.entries(samples).map(([labels, value]) => ({ labels, value })),
  })
  return {
    name: 'recorded rates',
    interval: `${INTERVAL}s`,
    input_series: [
      counter('user', 0.5 * INTERVAL),
      counter('system', 0.25 * INTERVAL),
      counter('user', 2 * INTERVAL, inPod),
    ],
    promql_expr_test: [
      query('process_group:cpu:rate1m', {
        [`process_group:cpu:rate1m${host}`]: 0.75,
        [`process_group:cpu:rate1m${pod}`]: 2,
      }),
      query('node:cpu_outside_of_pods:rate1m', {
        'node:cpu_outside_of_pods:rate1m{instance="n"}': 0.75,
      }),
    ],
  }
}

/** What the agent says of the group, and of itself, in each scrape; what it doesn't say is `_`. */
async function observe({ rule }: Alert, minutes: readonly Minute[]): Promise<InputSeries[]> {
  const tree = new ProcfsTree()
  using _end = { [Symbol.dispose]: () => tree.dispose() }
  const groups = processGroups(tree.root, { rules: [{ ...rule, comm: [GROUP] }] })
  const scrapes: string[] = []
  for (const minute of minutes) {
    if (minute === 'runs') tree.set(100, { comm: GROUP })
    else tree.remove(100)
    const text = minute === 'agent is away' ? '' : await groups.text()
    scrapes.push(...Array<string>(60 / INTERVAL).fill(text))
  }
  return inputSeries(scrapes, ({ name }) => WATCHED.includes(name))
}
