/** A dashboard as Grafana opens it: variables get values one after another, and queries get those of the variables. */
import { type Prometheus, query } from '../support/prometheus.ts'

export interface Asked {
  /** `title of the panel: PromQL`, or the same of a variable. */
  readonly what: string
  readonly expression: string
  readonly hasData: boolean
}

/** What Grafana itself would set, for a Prometheus that scrapes every second. */
const BUILT_IN = { __rate_interval: '10s', __range: '1m' } as const
const ALL = '.*'

interface Dashboard {
  readonly templating: { readonly list: readonly Variable[] }
  readonly panels: readonly {
    readonly title: string
    readonly targets?: readonly { readonly expr: string }[]
  }[]
}

interface Variable {
  readonly type: 'datasource' | 'query' | 'custom'
  readonly name: string
  readonly allValue?: string
  readonly current?: { readonly value: string }
  readonly query: string | { readonly query: string }
}

/**
 * Asks everything that the dashboard asks.
 *
 * @param text of the file.
 * @param chosen values of variables; of the others all are chosen.
 */
export async function openDashboard(
  prometheus: Prometheus,
  text: string,
  chosen: Readonly<Record<string, string>> = {},
): Promise<Asked[]> {
  const { templating, panels } = JSON.parse(text) as Dashboard
  const values: Record<string, string> = { ...BUILT_IN }
  const fill = (expression: string) =>
    expression.replace(/\$(\w+)/g, (whole, name: string) => values[name] ?? whole)
  const asked: Asked[] = []
  for (const { type, name, query: question, allValue, current } of templating.list) {
    if (type === 'custom') values[name] = current?.value ?? ''
    if (type !== 'query' || typeof question === 'string') continue
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(question.query) ?? []
    const expression = fill(`group by (${label}) (${series})`)
    const found = (await query(prometheus, expression)).map(({ labels }) => labels[label])
    const wanted = chosen[name]
    const hasData = found.some((value) => (wanted === undefined ? value : value === wanted))
    asked.push({ what: `$${name}: ${expression}`, expression, hasData })
    values[name] = wanted ?? allValue ?? ALL
  }
  for (const { title, targets = [] } of panels) {
    for (const { expr } of targets) {
      const expression = fill(expr)
      const hasData = (await query(prometheus, expression)).length > 0
      asked.push({ what: `${title}: ${expression}`, expression, hasData })
    }
  }
  return asked
}
