/**
 * Points in columns: values in one array, the attributes that they were observed with in another.
 *
 * From one collection to the next the same series are observed in the same order, but for a few. So the array of attributes stays the
 * same object while that is so, and whatever is made of it (translations, label text) is kept by it: a collection then makes nothing
 * but values. An object of the SDK for each point is made only for readers that ask for it.
 */
import type { Attributes, HrTime } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import type { MetricKind, Row } from './definitions.ts'
import { type Series, seriesOf } from './entity.ts'

/** A point with what was known when it was observed. */
export interface ObservedPoint extends DataPoint<number> {
  /** Undefined for attributes that no entity made. */
  readonly series: Series | undefined
  /** Undefined for instruments that are not made of a table. */
  readonly row: Row | undefined
}

/** Points of one metric, or some of them; each is known by its index. */
export interface Points {
  readonly values: readonly number[]
  /** The same array as before while the same series follow one another. */
  readonly attributes: readonly Attributes[]
  /** The rows that points may have; undefined where any is possible. */
  readonly rows: readonly Row[] | undefined
  /** Undefined for attributes that no entity made. */
  seriesAt(index: number): Series | undefined
  /** Undefined for instruments that are not made of a table. */
  rowAt(index: number): Row | undefined
  /** Since when the value counts, by the wall clock. */
  startAt(index: number): HrTime
  /** The point as an object, with these attributes or its own. */
  at(index: number, attributes?: Attributes): ObservedPoint
}

/** What the points of an instrument have in common. */
export interface ObservedPointsParts {
  /** Of all points, by the wall clock. */
  readonly time: HrTime
  /** Start of points that belong to no entity, by the agent's clock. */
  readonly start: HrTime
  /** What the wall clock shows for a time of the agent's clock. */
  readonly shown: (time: HrTime) => HrTime
  readonly rows: readonly Row[]
  readonly rowOf: (attributes: Attributes, series: Series | undefined) => Row | undefined
}

/** What an instrument observes in one collection. */
export class ObservedPoints implements Points {
  readonly values: number[] = []
  readonly #parts: ObservedPointsParts
  /** Of the collection before, until one of them differs. */
  #attributes: Attributes[]
  #isAsBefore = true

  /** @param attributes of the collection before. */
  constructor(parts: ObservedPointsParts, attributes: readonly Attributes[]) {
    this.#parts = parts
    // Nothing is added to it: it is copied first.
    this.#attributes = attributes as Attributes[]
  }

  get rows(): readonly Row[] {
    return this.#parts.rows
  }

  get attributes(): readonly Attributes[] {
    if (this.#attributes.length !== this.values.length) this.#copyAttributes()
    return this.#attributes
  }

  get length(): number {
    return this.values.length
  }

  /** A smaller length leaves out the last points. */
  set length(length: number) {
    this.values.length = length
  }

  add(value: number, attributes: Attributes): void {
    const { length } = this.values
    if (this.#attributes[length] !== attributes) {
      if (this.#isAsBefore) this.#copyAttributes()
      this.#attributes.push(attributes)
    }
    this.values.push(value)
  }

  seriesAt(index: number): Series | undefined {
    return seriesOf(this.#attributes[index])
  }

  rowAt(index: number): Row | undefined {
    return this.#parts.rowOf(this.#attributes[index], this.seriesAt(index))
  }

  startAt(index: number): HrTime {
    const { shown, start } = this.#parts
    return shown(this.seriesAt(index)?.entity.start ?? start)
  }

  at(index: number, attributes = this.#attributes[index]): ObservedPoint {
    return {
      startTime: this.startAt(index),
      endTime: this.#parts.time,
      attributes,
      value: this.values[index],
      series: this.seriesAt(index),
      row: this.rowAt(index),
    }
  }

  #copyAttributes(): void {
    this.#attributes = this.#attributes.slice(0, this.values.length)
    this.#isAsBefore = false
  }
}

/** Some points in another vocabulary: with values and attributes of their own, everything else is that of the points observed. */
export class TranslatedPoints implements Points {
  readonly values: number[]
  readonly attributes: readonly Attributes[]
  readonly rows = undefined
  readonly #observed: Points
  readonly #indices: readonly number[]

  /** @param indices which of the points observed they were made from. */
  constructor(
    values: number[],
    attributes: readonly Attributes[],
    observed: Points,
    indices: readonly number[],
  ) {
    this.values = values
    this.attributes = attributes
    this.#observed = observed
    this.#indices = indices
  }

  seriesAt(index: number): Series | undefined {
    return this.#observed.seriesAt(this.#indices[index])
  }

  rowAt(index: number): Row | undefined {
    return this.#observed.rowAt(this.#indices[index])
  }

  startAt(index: number): HrTime {
    return this.#observed.startAt(this.#indices[index])
  }

  at(index: number, attributes = this.attributes[index]): ObservedPoint {
    const observed = this.#observed.at(this.#indices[index], attributes)
    return { ...observed, value: this.values[index] }
  }

  /** One of the points alone. */
  only(index: number): TranslatedPoints {
    const [values, attributes] = [[this.values[index]], [this.attributes[index]]]
    return new TranslatedPoints(values, attributes, this.#observed, [this.#indices[index]])
  }
}

/** Points that others have made as objects. */
class ForeignPoints implements Points {
  readonly values: readonly number[]
  readonly attributes: readonly Attributes[]
  readonly rows = undefined
  readonly #points: readonly ObservedPoint[]

  constructor(points: readonly ObservedPoint[]) {
    this.values = points.map(({ value }) => value)
    this.attributes = points.map(({ attributes }) => attributes)
    this.#points = points
  }

  seriesAt(index: number): Series | undefined {
    return this.at(index).series
  }

  rowAt(index: number): Row | undefined {
    return this.at(index).row
  }

  startAt(index: number): HrTime {
    return this.at(index).startTime
  }

  at(index: number, attributes?: Attributes): ObservedPoint {
    const point = this.#points[index]
    return attributes === undefined ? point : { ...point, attributes }
  }
}

/** A metric of the SDK whose points are in columns. */
class ColumnMetric {
  readonly descriptor: MetricData['descriptor']
  readonly aggregationTemporality = AggregationTemporality.CUMULATIVE
  readonly dataPointType: DataPointType
  readonly isMonotonic: boolean | undefined
  // Private, so that a copy with other points does not have these.
  readonly #points: readonly Points[]
  #dataPoints: ObservedPoint[] | undefined

  constructor(descriptor: MetricData['descriptor'], kind: MetricKind, points: readonly Points[]) {
    this.descriptor = descriptor
    this.dataPointType = kind === 'gauge' ? DataPointType.GAUGE : DataPointType.SUM
    this.isMonotonic = kind === 'gauge' ? undefined : kind === 'counter'
    this.#points = points
  }

  /** Objects, for readers that know no columns. */
  get dataPoints(): ObservedPoint[] {
    this.#dataPoints ??= this.#points.flatMap((points) =>
      points.values.map((_, index) => points.at(index)),
    )
    return this.#dataPoints
  }

  static pointsOf(metric: object): readonly Points[] | undefined {
    return metric instanceof ColumnMetric ? metric.#points : undefined
  }
}

/** A metric of these points, one after the other, for any reader of the SDK. */
export function columnMetric(
  descriptor: MetricData['descriptor'],
  kind: MetricKind,
  points: readonly Points[],
): MetricData {
  return new ColumnMetric(descriptor, kind, points) as unknown as MetricData
}

/** The kind of instrument that makes such a metric. */
export function kindOf(metric: MetricData): MetricKind {
  if (metric.dataPointType !== DataPointType.SUM) return 'gauge'
  return metric.isMonotonic ? 'counter' : 'updowncounter'
}

/** The points of a metric, whoever has made it: all of one, then all of the next. */
export function pointsOf(metric: MetricData): readonly Points[] {
  return (
    ColumnMetric.pointsOf(metric) ?? [
      new ForeignPoints(metric.dataPoints as unknown as readonly ObservedPoint[]),
    ]
  )
}

/** How many points a metric has. */
export function countPoints(metric: MetricData): number {
  return pointsOf(metric).reduce((sum, { values }) => sum + values.length, 0)
}
