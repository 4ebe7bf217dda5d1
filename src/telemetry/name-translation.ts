/**
 * From OpenTelemetry names to those of the systems that the agent replaces, point by point.
 *
 * Collectors observe in OpenTelemetry's vocabulary only. A reader of another one gets this translation of the same
 * snapshot, so values can't differ. Each point carries its definition row and its series: a translation is a look-up.
 */
import type { Attributes } from '@opentelemetry/api'
import type { MetricData, MetricDescriptor, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import type {
  MetricDefinition,
  MetricKind,
  MetricTable,
  Naming,
  OtherName,
  OtherNaming,
  Row,
} from './definitions.ts'
import { type AttributeTranslation, isEqual } from './entity.ts'
import { columnMetric, kindOf, type Points, pointsOf, TranslatedPoints } from './points.ts'
import { doAtOnce, inPieces, type Work } from './time-slice.ts'

/** A descriptor whose name is a Prometheus name already and must not be changed. */
export interface ClassicDescriptor extends MetricDescriptor {
  readonly prometheusName: string
}

/** A metric without points. */
interface MetricHead {
  readonly descriptor: MetricDescriptor
  readonly kind: MetricKind
}

/** A measurement in the names of one other vocabulary. */
interface TranslatedRow {
  /** The metric of the other vocabulary. */
  readonly metric: MetricHead
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
  /** By namings, then by the attributes observed: they are the same array while the same series follow one another. */
  readonly #parts = new Map<string, WeakMap<readonly Attributes[], readonly Part[]>>()
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
    const nameless = { descriptor: metric.descriptor, kind: kindOf(metric) }
    for (const points of pointsOf(metric)) {
      if (points.rows?.every((row) => this.#isNameless(row, namings))) {
        if (keepNameless) found.add(nameless, points)
        continue
      }
      for (const part of yield* this.#partsOf(points, namings)) {
        const { translated } = part
        if (translated?.isTotal) found.addUp(translated.metric, translate(points, part))
        else if (translated !== undefined) found.add(translated.metric, translate(points, part))
        else if (keepNameless) found.add(nameless, translate(points, part))
      }
    }
  }

  #isNameless(row: Row, namings: readonly OtherNaming[]): boolean {
    const translations = this.#row(row)
    return !namings.some((naming) => translations.has(naming))
  }

  /** What becomes of the points, but for their values. */
  *#partsOf(points: Points, namings: readonly OtherNaming[]): Work<readonly Part[]> {
    const key = namings.join()
    const known = this.#parts.get(key) ?? new WeakMap<readonly Attributes[], readonly Part[]>()
    this.#parts.set(key, known)
    const parts = known.get(points.attributes) ?? (yield* this.#divide(points, namings))
    known.set(points.attributes, parts)
    return parts
  }

  *#divide(points: Points, namings: readonly OtherNaming[]): Work<Part[]> {
    const parts: Part[] = []
    const ofRows = new Map<Row | undefined, readonly PartOfRow[]>()
    yield* inPieces(points.values.length, (start, end) => {
      for (let index = start; index < end; index++) {
        const row = points.rowAt(index)
        const ofRow = ofRows.get(row) ?? this.#partsOfRow(row, namings, parts)
        ofRows.set(row, ofRow)
        const observed = points.attributes[index]
        const series = points.seriesAt(index)
        for (const { part, labels } of ofRow) {
          part.attributes.push(
            labels === undefined
              ? observed
              : (series?.translated(labels) ?? labels.translate(observed)),
          )
          part.indices.push(index)
        }
      }
    })
    return parts
  }

  /** The parts that points of a row are in; those that are not among `parts` are added to them. */
  #partsOfRow(row: Row | undefined, namings: readonly OtherNaming[], parts: Part[]): PartOfRow[] {
    const translations = row && this.#row(row)
    const found = namings.flatMap((naming) => translations?.get(naming) ?? [])
    const wanted: readonly (TranslatedRow | undefined)[] = found.length > 0 ? found : [undefined]
    return wanted.map((translated) => {
      let part = parts.find((each) => isOnePart(each.translated, translated))
      if (part === undefined) {
        part = { translated, attributes: [], indices: [] }
        parts.push(part)
      }
      return { part, labels: translated?.labels }
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
        metric: metricOf(definition, other),
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

/** Points of one instrument that become points of one metric. */
interface Part {
  /** Of the first of its rows; undefined where the other vocabulary has no name for them. */
  readonly translated: TranslatedRow | undefined
  readonly attributes: Attributes[]
  /** Which points they are. */
  readonly indices: number[]
}

/** A part that points of a row are in, and how their attributes are translated. */
interface PartOfRow {
  readonly part: Part
  readonly labels: LabelTranslation | undefined
}

/** Whether the points of two rows are one part, in the order in which they were observed. */
function isOnePart(one: TranslatedRow | undefined, other: TranslatedRow | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  const isSameMetric = one.metric.descriptor.name === other.metric.descriptor.name
  return isSameMetric && one.scale === other.scale && one.isTotal === other.isTotal
}

function translate(points: Points, { translated, attributes, indices }: Part): TranslatedPoints {
  const scale = translated?.scale ?? 1
  const values = indices.map((index) => inUnit(points.values[index], scale))
  return new TranslatedPoints(values, attributes, points, indices)
}

/** A value in another unit as it is written there: without the last digits that the way through ours has left. */
function inUnit(value: number, scale: number): number {
  return scale === 1 ? value : Number((value * scale).toPrecision(EXACT_DIGITS))
}

function metricOf(
  definition: MetricDefinition,
  { name, kind, description }: OtherName,
): MetricHead {
  const descriptor: ClassicDescriptor = {
    name,
    prometheusName: name,
    description: description ?? definition.description,
    unit: '',
    valueType: definition.valueType === 'int' ? 0 : 1,
  }
  return { descriptor, kind: (kind ?? definition.kind) === 'counter' ? 'counter' : 'gauge' }
}

/** Metrics in the order of their first point. */
class MetricsByName {
  readonly #metrics = new Map<string, { readonly metric: MetricHead; readonly points: Points[] }>()

  keep(metrics: readonly MetricData[]): void {
    for (const metric of metrics) {
      const head = { descriptor: metric.descriptor, kind: kindOf(metric) }
      for (const points of pointsOf(metric)) this.add(head, points)
    }
  }

  add(metric: MetricHead, points: Points): void {
    const { name } = metric.descriptor
    const known = this.#metrics.get(name)
    if (known === undefined) this.#metrics.set(name, { metric, points: [points] })
    else known.points.push(points)
  }

  /** Adds values to the points of the same attributes, where there are such; for metrics of few points. */
  addUp(metric: MetricHead, points: TranslatedPoints): void {
    for (const [index, attributes] of points.attributes.entries()) {
      const sums = (this.#metrics.get(metric.descriptor.name)?.points ?? []) as TranslatedPoints[]
      const isSame = (each: Attributes) => isEqual(each, attributes)
      const sum = sums.find((each) => each.attributes.some(isSame))
      if (sum === undefined) this.add(metric, points.only(index))
      else sum.values[sum.attributes.findIndex(isSame)] += points.values[index]
    }
  }

  list(): MetricData[] {
    return [...this.#metrics.values()].map(({ metric, points }) =>
      columnMetric(metric.descriptor, metric.kind, points),
    )
  }
}
