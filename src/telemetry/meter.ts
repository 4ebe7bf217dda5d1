/**
 * A meter whose observable instruments keep nothing between collections.
 *
 * The stock SDK exports an attribute set that was once observed for ever, stops at a number of sets
 * ever seen, and gives each set the time of its first collection as its start. Here a collection runs
 * the callbacks once and yields exactly what they observed, each point with the start of its entity.
 */
import type {
  BatchObservableCallback,
  BatchObservableResult,
  HrTime,
  Meter,
  Observable,
  ObservableCallback,
  Attributes as PointAttributes,
} from '@opentelemetry/api'
import { ValueType } from '@opentelemetry/api'
import type { InstrumentationScope } from '@opentelemetry/core'
import type { MetricData, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import { clock, now } from './clock.ts'
import type { MetricKind, Row } from './definitions.ts'
import type { Series } from './entity.ts'
import type { TableMetricOptions } from './instruments.ts'
import { columnMetric, ObservedPoints } from './points.ts'
import { limitSeries } from './series-limit.ts'

/** What one scope observed in one collection. */
export interface ScopeCollection {
  readonly scopeMetrics: ScopeMetrics
  /** Whatever its callbacks threw. */
  readonly errors: readonly unknown[]
  /** Points that were left out, for there were more than may be. */
  readonly dropped: number
}

/** The instruments and callbacks of one collector: one instrumentation scope. */
export class ObservableMeter implements Meter {
  readonly scope: InstrumentationScope
  readonly #start: HrTime
  readonly #maxSeries: number
  readonly #instruments: Instrument[] = []
  readonly #callbacks: Callback[] = []

  /**
   * @param start the start time of points whose attributes belong to no entity.
   * @param maxSeries points that a collection may have.
   */
  constructor(
    scope: InstrumentationScope,
    start: HrTime,
    maxSeries: number = Number.POSITIVE_INFINITY,
  ) {
    this.scope = scope
    this.#start = start
    this.#maxSeries = maxSeries
  }

  /**
   * Runs every callback once and gives what they observed.
   *
   * A callback that fails loses all that its instruments observed, for half a collection would look
   * like a whole one; its error is among `errors`.
   *
   * @param time the time of all points, by the agent's clock; the points have the wall clock's time for it.
   */
  async collect(time: HrTime): Promise<ScopeCollection> {
    const errors: unknown[] = []
    const result = new CollectionResult(time)
    for (const instrument of this.#instruments) instrument.begin(time, this.#start)
    for (const { callback, observables } of this.#callbacks) {
      try {
        await callback(result)
      } catch (error) {
        errors.push(error)
        for (const observable of observables) (observable as Instrument).begin(time, this.#start)
      }
    }
    const dropped = limitSeries(this.#instruments, this.#maxSeries)
    const metrics = this.#instruments
      .filter(({ points }) => points.length > 0)
      .map(({ descriptor, kind, points }) => columnMetric(descriptor, kind, [points]))
    return { scopeMetrics: { scope: this.scope, metrics }, errors, dropped }
  }

  createObservableCounter(name: string, options?: TableMetricOptions): Observable {
    return this.#create('counter', name, options)
  }

  createObservableUpDownCounter(name: string, options?: TableMetricOptions): Observable {
    return this.#create('updowncounter', name, options)
  }

  createObservableGauge(name: string, options?: TableMetricOptions): Observable {
    return this.#create('gauge', name, options)
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    if (this.#find(callback, observables) < 0) this.#callbacks.push({ callback, observables })
  }

  removeBatchObservableCallback(
    callback: BatchObservableCallback,
    observables: Observable[],
  ): void {
    const index = this.#find(callback, observables)
    if (index >= 0) this.#callbacks.splice(index, 1)
  }

  createCounter(name: string): never {
    throw new TypeError(`${name}: this meter has observable instruments only`)
  }
  createUpDownCounter = this.createCounter
  createGauge = this.createCounter
  createHistogram = this.createCounter

  #create(kind: MetricKind, name: string, options: TableMetricOptions = {}): Observable {
    const instrument = new Instrument(this, kind, name, options)
    this.#instruments.push(instrument)
    return instrument
  }

  #find(callback: BatchObservableCallback, observables: Observable[]): number {
    return this.#callbacks.findIndex(
      (known) =>
        known.callback === callback &&
        known.observables.length === observables.length &&
        known.observables.every((observable) => observables.includes(observable)),
    )
  }
}

interface Callback {
  readonly callback: BatchObservableCallback
  readonly observables: Observable[]
}

/** An instrument: where the observations of the collection that runs now go. */
class Instrument implements Observable {
  readonly kind: MetricKind
  readonly descriptor: MetricData['descriptor']
  points: ObservedPoints
  readonly #meter: ObservableMeter
  readonly #rows: readonly Row[]
  /** The rows by their fixed attributes, where there are several. */
  readonly #byFixed: ReadonlyMap<PointAttributes | undefined, Row>
  readonly #callbacks = new Map<ObservableCallback, BatchObservableCallback>()

  constructor(meter: ObservableMeter, kind: MetricKind, name: string, options: TableMetricOptions) {
    this.#meter = meter
    this.#rows = options.rows ?? []
    this.#byFixed = new Map(this.#rows.map((row) => [row.definition.otel.attributes, row]))
    this.kind = kind
    this.descriptor = {
      name,
      description: options.description ?? '',
      unit: options.unit ?? '',
      valueType: options.valueType ?? ValueType.DOUBLE,
    }
    this.points = this.#noPoints([0, 0], [0, 0], [])
  }

  begin(time: HrTime, start: HrTime): void {
    this.points = this.#noPoints(time, start, this.points.attributes)
  }

  observe(value: number, attributes: PointAttributes): void {
    this.points.add(value, attributes)
  }

  /** @param attributes those of the collection before. */
  #noPoints(time: HrTime, start: HrTime, attributes: readonly PointAttributes[]): ObservedPoints {
    const { shown } = clock
    const parts = { time: shown(time), start, shown, rows: this.#rows, rowOf: this.#rowOf }
    return new ObservedPoints(parts, attributes)
  }

  /** Attributes that no entity made tell rows apart by their values. */
  readonly #rowOf = (attributes: PointAttributes, series: Series | undefined): Row | undefined => {
    const rows = this.#rows
    if (rows.length < 2) return rows[0]
    if (series !== undefined) return this.#byFixed.get(series.fixed)
    return rows.find(({ definition }) =>
      Object.entries(definition.otel.attributes ?? {}).every(
        ([key, value]) => attributes[key] === value,
      ),
    )
  }

  addCallback(callback: ObservableCallback): void {
    const batch: BatchObservableCallback = () =>
      callback({ observe: (value, attributes = {}) => this.observe(value, attributes) })
    this.#callbacks.set(callback, batch)
    this.#meter.addBatchObservableCallback(batch, [this])
  }

  removeCallback(callback: ObservableCallback): void {
    const batch = this.#callbacks.get(callback)
    if (batch !== undefined) this.#meter.removeBatchObservableCallback(batch, [this])
    this.#callbacks.delete(callback)
  }
}

/** What a callback observes to. */
class CollectionResult implements BatchObservableResult {
  /** Of the collection, by the agent's clock. */
  readonly time: HrTime

  constructor(time: HrTime) {
    this.time = time
  }

  observe(observable: Observable, value: number, attributes: PointAttributes = {}): void {
    ;(observable as Instrument).observe(value, attributes)
  }
}

/** The time of the collection that a callback observes for, by the agent's clock; on another meter the time now. */
export function collectionTime(result: BatchObservableResult): HrTime {
  return result instanceof CollectionResult ? result.time : now()
}
