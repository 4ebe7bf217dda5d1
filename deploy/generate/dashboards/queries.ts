/** PromQL of measurements: their names, labels and units come from their definitions, in one vocabulary. */
import type { MetricDefinition, MetricTable, Naming } from '../../../src/telemetry/definitions.ts'
import { expositionLabel, expositionName } from '../../../src/telemetry/exposition-names.ts'

/** A row of a table. */
export interface Measure {
  readonly table: MetricTable
  readonly definition: MetricDefinition
}

export interface Expression {
  readonly text: string
  /** What it was made of; the first one tells the labels. */
  readonly measures: readonly Measure[]
  /** Grafana's name of the unit. */
  readonly unit: string
}

export interface Query extends Expression {
  readonly legend: string
}

/** An attribute, and the label that it is. */
interface Shown {
  readonly attribute: string
  readonly label: string
}

/** Variables that every dashboard has: they choose the agents. */
export const AGENTS = { job: 'job', instance: 'instance' } as const
/** How many series a panel of the worst ones shows. */
export const TOP = 'top'
/** Attributes that are no names: the first digits of each are shown, as `id`. */
const IDS = new Set(['container.id', 'k8s.pod.uid'])
const ID = 'id'

/** Grafana's units of a value, and of its increase in a second. */
const UNITS: Readonly<Record<string, readonly [now: string, rate: string]>> = {
  By: ['bytes', 'Bps'],
  s: ['s', 'percentunit'],
  1: ['percentunit', 'percentunit'],
}
const COUNT = ['short', 'cps'] as const

/** @throws Error where the table has no such row. */
export function measure<Key extends string>(table: MetricTable<Key>, key: Key): Measure {
  const definition = table.metrics[key]
  if (definition === undefined) throw new Error(`${table.scope} has no ${key}`)
  return { table, definition }
}

export class Queries {
  readonly naming: Naming
  readonly #filters: Readonly<Record<string, string>>

  /** @param filters the dashboard's variables, by the attribute that each chooses. */
  constructor(naming: Naming, filters: Readonly<Record<string, string>> = {}) {
    this.naming = naming
    this.#filters = filters
  }

  /** The values as they are, in the definition's unit. */
  now(...measures: readonly [Measure, ...Measure[]]): Expression {
    return this.#scaled(measures, (series) => series, 0)
  }

  /** Their increase in a second. */
  rate(...measures: readonly [Measure, ...Measure[]]): Expression {
    return this.#scaled(measures, (series) => `rate(${series}[$__rate_interval])`, 1)
  }

  /** Their increase in the time that the dashboard shows. */
  increase(...measures: readonly [Measure, ...Measure[]]): Expression {
    return this.#scaled(measures, (series) => `increase(${series}[$__range])`, 0)
  }

  /** One value of all series. */
  total(expression: Expression, legend: string, aggregate = 'sum'): Query {
    return { ...expression, text: `${aggregate}(${expression.text})`, legend }
  }

  /** One value for each combination of attributes. */
  by(expression: Expression, attributes: readonly string[], aggregate = 'sum'): Query {
    const shown = this.#attributes(expression, attributes)
    return this.#identified(this.#grouped(expression, shown, aggregate), shown)
  }

  /** The largest of these. */
  top(expression: Expression, attributes: readonly string[], aggregate = 'sum'): Query {
    const shown = this.#attributes(expression, attributes)
    return this.#identified(worst(this.#grouped(expression, shown, aggregate)), shown)
  }

  /** The largest parts that one value is of the other, for each combination of attributes. */
  topRatio(
    part: Expression,
    whole: Expression,
    attributes: readonly string[],
    unit = 'percentunit',
  ): Query {
    const shown = this.#attributes(part, attributes)
    const [above, below] = [part, whole].map((each) => this.#grouped(each, shown, 'sum').text)
    const measures = [...part.measures, ...whole.measures]
    return this.#identified(worst({ text: `${above} / ${below}`, measures, unit }), shown)
  }

  /** The query of a variable that has the values of an attribute. */
  values(measured: Measure, attribute: string, filters = this.#filters): string {
    const series = new Queries(this.naming, filters).#series([measured])
    return `label_values(${series}, ${this.#label(measured, attribute)})`
  }

  /** @param which of the units of UNITS. */
  #scaled(
    measures: readonly [Measure, ...Measure[]],
    calculate: (series: string) => string,
    which: 0 | 1,
  ): Expression {
    const [{ definition }] = measures
    const { scale } = expositionName(definition, [this.naming])
    const text = calculate(this.#series(measures))
    const unit = (UNITS[definition.otel.unit] ?? COUNT)[which]
    return { text: scale === 1 ? text : `${text} / ${scale}`, measures, unit }
  }

  /** Selects them together: they are of one family, and differ in a label. */
  #series(measures: readonly [Measure, ...Measure[]]): string {
    const names = measures.map(({ definition }) => expositionName(definition, [this.naming]))
    const [{ family, labels }] = names
    if (names.some((name) => name.family !== family)) throw new Error(`not only ${family}`)
    const fixed = labels.map(([label], index) => {
      const values = [...new Set(names.map((name) => name.labels[index][1]))]
      return values.length === 1 ? `${label}="${values[0]}"` : `${label}=~"${values.join('|')}"`
    })
    const { table } = measures[0]
    const chosen = Object.entries(this.#filters)
      .filter(([attribute]) => attribute in AGENTS || attribute in table.keys)
      .map(([attribute, name]) => `${this.#label(measures[0], attribute)}=~"$${name}"`)
    const matchers = [...chosen, ...fixed].join(',')
    return matchers === '' ? family : `${family}{${matchers}}`
  }

  /** Those of the attributes that the series have as labels. */
  #attributes({ measures: [measured] }: Expression, attributes: readonly string[]): Shown[] {
    return attributes
      .filter((attribute) => attribute in AGENTS || attribute in measured.table.keys)
      .map((attribute) => ({ attribute, label: this.#label(measured, attribute) }))
  }

  #label({ table, definition }: Measure, attribute: string): string {
    const { naming } = expositionName(definition, [this.naming])
    const label = expositionLabel(table, attribute, naming)
    if (label === undefined) throw new Error(`${naming} has no ${attribute}`)
    return label
  }

  #grouped(expression: Expression, shown: readonly Shown[], aggregate: string): Expression {
    const labels = new Set(shown.map(({ label }) => label))
    return {
      ...expression,
      text: `${aggregate} by (${[...labels].join(', ')}) (${expression.text})`,
    }
  }

  /** Shortens the id, if there is one among the labels, and makes the legend. */
  #identified(expression: Expression, shown: readonly Shown[]): Query {
    const id = shown.find(({ attribute }) => IDS.has(attribute))
    const { text } = expression
    const legend = [...new Set(shown.map((each) => (each === id ? ID : each.label)))]
    return {
      ...expression,
      text: id ? `label_replace(${text}, "${ID}", "$1", "${id.label}", "(.{12}).*")` : text,
      legend: legend.map((label) => `{{${label}}}`).join(' '),
    }
  }
}

function worst(expression: Expression): Expression {
  return { ...expression, text: `topk($${TOP}, ${expression.text})` }
}
