/**
 * From OpenTelemetry names to those of the systems that the agent replaces, point by point.
 *
 * Collectors observe in OpenTelemetry's vocabulary only. A reader of another one gets this translation of the same
 * snapshot, so values can't differ. Each point carries its definition row and its series: a translation is a look-up.
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
import type {
  MetricDefinition,
  MetricTable,
  Naming,
  OtherName,
  OtherNaming,
  Row,
} from './definitions.ts'
import { type AttributeTranslation, isEqual } from './entity.ts'
import type { ObservedPoint } from './meter.ts'
import { doAtOnce, inPieces, type Work } from './time-slice.ts'

/** A descriptor whose name is a Prometheus name already and must not be changed. */
export interface ClassicDescriptor extends MetricDescriptor {
  readonly prometheusName: string
}

/** A measurement in the names of one other vocabulary. */
interface TranslatedRow {
  /** The metric of the other vocabulary, without points. */
  readonly metric: MetricData
  /** Factor from our unit to the other one. */
  readonly scale: number
  /** Whether points of equal attributes are added up. */
  readonly isTotal: boolean
  readonly labels: LabelTranslation
}

/**
 * Translates snapshots into other vocabularies. It keeps the translation of each row; a series keeps its own
 * attributes.
 */
export class NameTranslation {
  readonly #classicName: (name: string) => string
  readonly #rows = new Map<Row, ReadonlyMap<OtherNaming, TranslatedRow>>()
  /** Rows whose attributes are translated alike share one, and with it the translated attributes of a series. */
  readonly #labels: LabelTranslation[] = []

  /** @param classicName what a classic metric is called on this node; its own name by default. */
  constructor(classicName = (name: string) => name) {
    this.#classicName = classicName
  }

  /**
   * The scopes in the wanted vocabularies. A measurement that has none of their names appears under its OpenTelemetry
   * name.
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
      const found = new MetricsByName()
      if (hasOtel) found.keep(metrics)
      for (const metric of metrics) {
        yield
        yield* this.#translateMetric(metric, found, others, !hasOtel)
      }
      translated.push({ scope, metrics: found.list() })
    }
    return translated
  }

  *#translateMetric(
    metric: MetricData,
    found: MetricsByName,
    namings: readonly OtherNaming[],
    keepNameless: boolean,
  ): Work<void> {
    yield* inPieces(metric.dataPoints as ObservedPoint[], (points) => {
      for (const point of points) {
        const row = point.row && this.#row(point.row)
        let isNamed = false
        for (const naming of namings) {
          const translated = row?.get(naming)
          if (translated === undefined) continue
          isNamed = true
          const renamed = translatePoint(point, translated)
          if (translated.isTotal) found.addUp(translated.metric, renamed)
          else found.add(translated.metric, renamed)
        }
        if (!isNamed && keepNameless) found.add(metric, point)
      }
    })
  }

  #row(row: Row): ReadonlyMap<OtherNaming, TranslatedRow> {
    const known = this.#rows.get(row)
    if (known !== undefined) return known
    const { table, definition } = row
    const { classic, cadvisor } = definition
    const translations = new Map<OtherNaming, TranslatedRow>()
    const add = (naming: OtherNaming, other: OtherName) =>
      translations.set(naming, {
        metric: emptyMetric(definition, other),
        scale: other.scale ?? 1,
        isTotal: other.isTotal ?? false,
        labels: this.#labelsOf(new LabelTranslation(table, definition, naming, other)),
      })
    if (classic !== undefined) {
      add('classic', { ...classic, name: this.#classicName(classic.name) })
    }
    if (cadvisor !== undefined) add('cadvisor', cadvisor)
    this.#rows.set(row, translations)
    return translations
  }

  #labelsOf(wanted: LabelTranslation): LabelTranslation {
    const known = this.#labels.find((each) => each.isLike(wanted))
    if (known === undefined) this.#labels.push(wanted)
    return known ?? wanted
  }
}

/** What another vocabulary calls the attributes of a row. */
class LabelTranslation implements AttributeTranslation {
  readonly #keys: MetricTable['keys']
  readonly #naming: OtherNaming
  /** Attributes that tell rows of an instrument apart: the other vocabulary has its own for that. */
  readonly #fixed: Attributes | undefined
  readonly #added: Attributes

  constructor(
    { keys }: MetricTable,
    { otel }: MetricDefinition,
    naming: OtherNaming,
    { attributes = {} }: OtherName,
  ) {
    this.#keys = keys
    this.#naming = naming
    this.#fixed = otel.attributes
    this.#added = attributes
  }

  isLike(other: LabelTranslation): boolean {
    return (
      this.#keys === other.#keys &&
      this.#naming === other.#naming &&
      this.#fixed === other.#fixed &&
      isEqual(this.#added, other.#added)
    )
  }

  translate(attributes: Attributes): Attributes {
    const translated: Attributes = {}
    for (const [key, value] of Object.entries(attributes)) {
      if (this.#fixed !== undefined && Object.hasOwn(this.#fixed, key)) continue
      const label = this.#keys[key]?.[this.#naming] ?? key
      if (label !== false) translated[label] = value
    }
    return Object.assign(translated, this.#added)
  }
}

/** Decimal digits that a double keeps through a division and a multiplication. */
const EXACT_DIGITS = 14

function translatePoint(
  { attributes, value, startTime, endTime, series, row }: ObservedPoint,
  { scale, labels }: TranslatedRow,
): ObservedPoint {
  return {
    startTime,
    endTime,
    attributes: series?.translated(labels) ?? labels.translate(attributes),
    // In the other unit as it is written there: without the last digits that the way through ours has left.
    value: scale === 1 ? value : Number((value * scale).toPrecision(EXACT_DIGITS)),
    series,
    row,
  }
}

function emptyMetric(
  definition: MetricDefinition,
  { name, kind, description }: OtherName,
): MetricData {
  const descriptor: ClassicDescriptor = {
    name,
    prometheusName: name,
    description: description ?? definition.description,
    unit: '',
    valueType: definition.valueType === 'int' ? 0 : 1,
  }
  const common = {
    descriptor,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: [],
  }
  return (kind ?? definition.kind) === 'counter'
    ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true }
    : { ...common, dataPointType: DataPointType.GAUGE }
}

/** Metrics in the order of their first point. */
class MetricsByName {
  readonly #metrics = new Map<string, MetricData>()

  keep(metrics: readonly MetricData[]): void {
    for (const metric of metrics) this.#metrics.set(metric.descriptor.name, metric)
  }

  /** Adds the value to the point of the same attributes, if there is one; for metrics of few points. */
  addUp(metric: MetricData, point: DataPoint<number>): void {
    const points = this.#metrics.get(metric.descriptor.name)?.dataPoints as
      | DataPoint<number>[]
      | undefined
    const index = points?.findIndex(({ attributes }) => isEqual(attributes, point.attributes)) ?? -1
    if (points === undefined || index < 0) this.add(metric, point)
    else points[index] = { ...point, value: points[index].value + point.value }
  }

  add(metric: MetricData, point: DataPoint<number>): void {
    const known = this.#metrics.get(metric.descriptor.name)
    if (known === undefined) {
      this.#metrics.set(metric.descriptor.name, { ...metric, dataPoints: [point] } as MetricData)
    } else {
      ;(known.dataPoints as DataPoint<number>[]).push(point)
    }
  }

  list(): MetricData[] {
    return [...this.#metrics.values()]
  }
}
