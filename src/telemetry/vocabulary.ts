/**
 * From OpenTelemetry names to those of the systems that the agent replaces, point by point.
 *
 * Collectors observe in the otel vocabulary only; a reader that asks for another one gets this
 * translation of the same snapshot, so the values can't differ.
 */
import type { Attributes } from '@opentelemetry/api'
import type { DataPoint, MetricData, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import type { MetricDefinition, MetricTable, Naming, OtherNaming } from './definitions.ts'
import { Renaming } from './renaming.ts'
import { doAtOnce, inPieces, type Work } from './time-slice.ts'

export class Vocabulary {
  /** By the otel name. */
  readonly #rows = new Map<string, Rows>()

  /** @param classicName what to call a family of a classic name; its own name by default. */
  constructor(tables: readonly MetricTable[], classicName = (name: string) => name) {
    for (const table of tables) {
      for (const definition of Object.values(table.metrics)) {
        const { name } = definition.otel
        const rows = this.#rows.get(name) ?? new Rows()
        rows.add(createRow(table, definition, classicName))
        this.#rows.set(name, rows)
      }
    }
  }

  /**
   * The scopes in the wanted vocabularies. A measurement that has no classic name appears under its
   * otel name.
   */
  translate(scopes: readonly ScopeMetrics[], namings: readonly Naming[]): ScopeMetrics[] {
    return doAtOnce(this.translating(scopes, namings))
  }

  /** The same as work that gives way. */
  *translating(scopes: readonly ScopeMetrics[], namings: readonly Naming[]): Work<ScopeMetrics[]> {
    const others = namings.filter((naming) => naming !== 'otel')
    if (others.length === 0) return [...scopes]
    const hasOtel = namings.includes('otel')
    const translated: ScopeMetrics[] = []
    for (const { scope, metrics } of scopes) {
      const families = new Families()
      if (hasOtel) families.keep(metrics)
      for (const metric of metrics) {
        yield
        yield* this.#translateMetric(metric, families, others, !hasOtel)
      }
      translated.push({ scope, metrics: families.list() })
    }
    return translated
  }

  *#translateMetric(
    metric: MetricData,
    families: Families,
    namings: readonly OtherNaming[],
    keepNameless: boolean,
  ): Work<void> {
    const rows = this.#rows.get(metric.descriptor.name)
    yield* inPieces(metric.dataPoints as DataPoint<number>[], (points) => {
      for (const point of points) {
        const row = rows?.of(point.attributes)
        let isNamed = false
        for (const naming of namings) {
          const renaming = row?.others.get(naming)
          if (renaming === undefined) continue
          isNamed = true
          const renamed = renaming.rename(point)
          if (renaming.isTotal) families.addUp(renaming.family, renamed)
          else families.add(renaming.family, renamed)
        }
        if (!isNamed && keepNameless) families.add(metric, point)
      }
    })
  }
}

/** A measurement, prepared for translation. */
interface Row {
  readonly fixed: readonly [string, unknown][]
  readonly others: ReadonlyMap<OtherNaming, Renaming>
}

/** The measurements that share a name, told apart by attributes of fixed values. */
class Rows {
  readonly #rows: Row[] = []
  /** Attribute sets live as long as what they are of, so each is looked at once. */
  readonly #known = new WeakMap<Attributes, Row>()

  add(row: Row): void {
    this.#rows.push(row)
  }

  of(attributes: Attributes): Row | undefined {
    if (this.#rows.length === 1) return this.#rows[0]
    const known = this.#known.get(attributes)
    if (known !== undefined) return known
    const row = this.#rows.find(({ fixed }) =>
      fixed.every(([key, value]) => attributes[key] === value),
    )
    if (row !== undefined) this.#known.set(attributes, row)
    return row
  }
}

function createRow(
  { keys }: MetricTable,
  definition: MetricDefinition,
  classicName: (name: string) => string,
): Row {
  const { classic, cadvisor } = definition
  const others = new Map<OtherNaming, Renaming>()
  if (classic !== undefined) {
    const named = { ...classic, name: classicName(classic.name) }
    others.set('classic', new Renaming(definition, named, (key) => keys[key]?.classic))
  }
  if (cadvisor !== undefined) {
    others.set('cadvisor', new Renaming(definition, cadvisor, (key) => keys[key]?.cadvisor))
  }
  return { fixed: Object.entries(definition.otel.attributes ?? {}), others }
}

/** Metrics by name, in the order of their first point. */
class Families {
  readonly #families = new Map<string, MetricData>()

  keep(metrics: readonly MetricData[]): void {
    for (const metric of metrics) this.#families.set(metric.descriptor.name, metric)
  }

  /** Adds the value to the point of the same attributes, if there is one; for families of few points. */
  addUp(family: MetricData, point: DataPoint<number>): void {
    const points = this.#families.get(family.descriptor.name)?.dataPoints as
      | DataPoint<number>[]
      | undefined
    const key = JSON.stringify(point.attributes)
    const index = points?.findIndex(({ attributes }) => JSON.stringify(attributes) === key) ?? -1
    if (points === undefined || index < 0) this.add(family, point)
    else points[index] = { ...point, value: points[index].value + point.value }
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
