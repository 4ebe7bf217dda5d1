/**
 * From OpenTelemetry names to those of the systems that the agent replaces, point by point.
 *
 * Collectors observe in the otel vocabulary only; a reader that asks for another one gets this
 * translation of the same snapshot, so the values can't differ.
 */
import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type MetricDescriptor,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import type { MetricDefinition, MetricTable, Naming } from './definitions.ts'
import { startOf, withStart } from './entity.ts'

/** A descriptor whose name is a Prometheus name already and must not be changed. */
export interface ClassicDescriptor extends MetricDescriptor {
  readonly prometheusName: string
}

export class Vocabulary {
  /** By the otel name: the measurements that share it. */
  readonly #rows = new Map<string, Row[]>()

  /** @param classicName what to call a family of a classic name; its own name by default. */
  constructor(tables: readonly MetricTable[], classicName = (name: string) => name) {
    for (const table of tables) {
      for (const definition of Object.values(table.metrics)) {
        const { name } = definition.otel
        const rows = this.#rows.get(name) ?? []
        rows.push(new Row(table, definition, classicName))
        this.#rows.set(name, rows)
      }
    }
  }

  /**
   * The scopes in the wanted vocabularies. A measurement that has no classic name appears under its
   * otel name.
   */
  translate(scopes: readonly ScopeMetrics[], namings: readonly Naming[]): ScopeMetrics[] {
    if (!namings.includes('classic')) return [...scopes]
    const both = namings.includes('otel')
    return scopes.map(({ scope, metrics }) => {
      const families = new Families()
      if (both) families.keep(metrics)
      for (const metric of metrics) this.#translateMetric(metric, families, !both)
      return { scope, metrics: families.list() }
    })
  }

  #translateMetric(metric: MetricData, families: Families, keepNameless: boolean): void {
    const rows = this.#rows.get(metric.descriptor.name) ?? []
    for (const point of metric.dataPoints as DataPoint<number>[]) {
      const row = rows.length === 1 ? rows[0] : rows.find((row) => row.covers(point.attributes))
      if (row?.family !== undefined) {
        const attributes = row.classicAttributes(point.attributes)
        families.add(row.family, { ...point, attributes, value: row.classicValue(point.value) })
      } else if (keepNameless) {
        families.add(metric, point)
      }
    }
  }
}

/** Decimal digits that a double keeps through a division and a multiplication. */
const EXACT_DIGITS = 14

/** A measurement, prepared for translation. */
class Row {
  /** The classic family, without points; undefined where there is none. */
  readonly family: MetricData | undefined
  readonly #scale: number
  readonly #table: MetricTable
  readonly #definition: MetricDefinition
  readonly #fixed: [string, unknown][]
  readonly #translated = new WeakMap<Attributes, Attributes>()

  constructor(
    table: MetricTable,
    definition: MetricDefinition,
    classicName: (name: string) => string,
  ) {
    this.#table = table
    this.#definition = definition
    this.#fixed = Object.entries(definition.otel.attributes ?? {})
    this.family = classicFamily(definition, classicName)
    this.#scale = definition.classic?.scale ?? 1
  }

  covers(attributes: Attributes): boolean {
    return this.#fixed.every(([key, value]) => attributes[key] === value)
  }

  /** In the classic unit, as it is written there: without the last digits that the way through ours has left. */
  classicValue(value: number): number {
    return this.#scale === 1 ? value : Number((value * this.#scale).toPrecision(EXACT_DIGITS))
  }

  classicAttributes(attributes: Attributes): Attributes {
    const known = this.#translated.get(attributes)
    if (known !== undefined) return known
    const translated: Attributes = {}
    for (const [key, value] of Object.entries(attributes)) {
      if (this.#fixed.some(([fixed]) => fixed === key)) continue
      const label = this.#table.keys[key]?.classic ?? key
      if (label !== false) translated[label] = value
    }
    Object.assign(translated, this.#definition.classic?.attributes)
    withStart(translated, startOf(attributes))
    this.#translated.set(attributes, translated)
    return translated
  }
}

/** Metrics by name, in the order of their first point. */
class Families {
  readonly #families = new Map<string, MetricData>()

  keep(metrics: readonly MetricData[]): void {
    for (const metric of metrics) this.#families.set(metric.descriptor.name, metric)
  }

  add(family: MetricData, point: DataPoint<number>): void {
    const known = this.#families.get(family.descriptor.name)
    if (known === undefined) {
      this.#families.set(family.descriptor.name, {
        ...family,
        dataPoints: [point],
      } as MetricData)
    } else {
      ;(known.dataPoints as DataPoint<number>[]).push(point)
    }
  }

  list(): MetricData[] {
    return [...this.#families.values()]
  }
}

function classicFamily(
  { classic, kind, ...rest }: MetricDefinition,
  classicName: (name: string) => string,
): MetricData | undefined {
  if (classic === undefined) return undefined
  const name = classicName(classic.name)
  const descriptor: ClassicDescriptor = {
    name,
    prometheusName: name,
    description: classic.description ?? rest.description,
    unit: '',
    valueType: rest.valueType === 'int' ? 0 : 1,
  }
  const common = {
    descriptor,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: [],
  }
  return (classic.kind ?? kind) === 'counter'
    ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true }
    : { ...common, dataPointType: DataPointType.GAUGE }
}
