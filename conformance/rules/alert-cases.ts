/**
 * Tests for `promtool test rules`: ten minutes without the fault, an hour with it, and again without. While it lasts its
 * alert fires, once and no other one; what the agent serves in each minute comes from the agent's own code.
 */
import { inputSeries, NODE } from './input-series.ts'

export interface AlertCase {
  readonly title: string
  readonly alert: string
  /** How many alerts of that name it is. */
  readonly count?: number
  /** Minutes in which the rule looks, and for which it waits. */
  readonly window: number
  readonly waits: number
  /** What is served in a minute; nothing when the agent does not answer. */
  readonly serve: (minute: number, isFaulty: boolean) => Promise<string>
  /** What an alert says of it. */
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
}

const BEGINS = 10
const ENDS = 70
const LENGTH = 90

export async function alertTest(alertCase: AlertCase): Promise<object> {
  const { title, alert, count = 1, window, waits, serve, annotations, labels } = alertCase
  const texts: string[] = []
  for (let minute = 0; minute <= LENGTH; minute++) {
    texts.push(await serve(minute, minute > BEGINS && minute <= ENDS))
  }
  const up = texts.map((text) => (text === '' ? '0' : '1')).join(' ')
  const identity = `job="${NODE.job}",instance="${NODE.instance}"`
  const firing = (minute: number, fires: boolean) => ({
    // Every alert that fires, whatever its name.
    expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
    eval_time: `${minute}m`,
    exp_samples: fires ? [{ labels: `{alertname="${alert}"}`, value: count }] : [],
  })
  return {
    name: `${alert}: ${title}`,
    interval: '1m',
    input_series: [{ series: `up{${identity}}`, values: up }, ...inputSeries(texts)],
    promql_expr_test: [
      firing(BEGINS, false),
      firing(BEGINS + waits, false),
      firing(BEGINS + window + waits + 1, true),
      firing(ENDS, true),
      firing(ENDS + window + 1, false),
      firing(LENGTH, false),
    ],
    ...(annotations && {
      alert_rule_test: [
        {
          eval_time: `${ENDS}m`,
          alertname: alert,
          exp_alerts: [{ exp_labels: { ...NODE, ...labels }, exp_annotations: annotations }],
        },
      ],
    }),
  }
}
