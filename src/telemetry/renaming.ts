/** One measurement in the names of another system. */
import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type MetricDescriptor,
} from '@opentelemetry/sdk-metrics'
import type { MetricDefinition, OtherName } from './definitions.ts'
import { seriesOf, withSeries } from './entity.ts'

/** A descriptor whose name is a Prometheus name already and must not be changed. */
export interface ClassicDescriptor extends MetricDescriptor {
  readonly prometheusName: string
}

/** Decimal digits that a double keeps through a division and a multiplication. */
const EXACT_DIGITS = 14

export class Renaming {
  /** The family of the other system, without points. */
  readonly family: MetricData
  /** Whether points of equal attributes are added up. */
  readonly isTotal: boolean
  readonly #scale: number
  readonly #added: Attributes | undefined
  readonly #fixed: ReadonlySet<string>
  readonly #label: (key: string) => string | false | undefined
  readonly #translated = new WeakMap<Attributes, Attributes>()

  /** @param label what the other system calls an attribute; undefined for the same, false for not at all. */
  constructor(
    definition: MetricDefinition,
    other: OtherName,
    label: (key: string) => string | false | undefined,
  ) {
    this.family = family(definition, other)
    this.isTotal = other.isTotal ?? false
    this.#scale = other.scale ?? 1
    this.#added = other.attributes
    this.#fixed = new Set(Object.keys(definition.otel.attributes ?? {}))
    this.#label = label
  }

  rename(point: DataPoint<number>): DataPoint<number> {
    const { attributes, value, startTime, endTime } = point
    return {
      startTime,
      endTime,
      attributes: this.#attributes(attributes),
      value: this.#value(value),
    }
  }

  /** In the other's unit, as it is written there: without the last digits that the way through ours has left. */
  #value(value: number): number {
    return this.#scale === 1 ? value : Number((value * this.#scale).toPrecision(EXACT_DIGITS))
  }

  #attributes(attributes: Attributes): Attributes {
    const known = this.#translated.get(attributes)
    if (known !== undefined) return known
    const translated: Attributes = {}
    for (const [key, value] of Object.entries(attributes)) {
      if (this.#fixed.has(key)) continue
      const label = this.#label(key) ?? key
      if (label !== false) translated[label] = value
    }
    Object.assign(translated, this.#added)
    withSeries(translated, seriesOf(attributes))
    this.#translated.set(attributes, translated)
    return translated
  }
}

function family(definition: MetricDefinition, { name, kind, description }: OtherName): MetricData {
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
