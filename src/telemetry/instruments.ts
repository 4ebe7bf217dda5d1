/** From metric definitions to OpenTelemetry observable instruments, on any meter. */
import {
  type BatchObservableResult,
  type Meter,
  type MetricOptions,
  type Observable,
  ValueType,
} from '@opentelemetry/api'
import type { MetricDefinition, MetricKind, MetricTable, Row } from './definitions.ts'
import type { Entity } from './entity.ts'

/** One measurement of a collector: observes a value for an entity. */
export interface Measurement {
  observe(result: BatchObservableResult, entity: Entity, value: number): void
}

/** The instruments of a table, as a collector uses them. */
export interface Instruments<Key extends string> {
  /** A measurement for each row of the table. */
  readonly measurements: Readonly<Record<Key, Measurement>>
  /** The instruments behind them, for the batch callback. */
  readonly observables: Observable[]
}

/** Options of an instrument that is made of a table; a meter that does not know of rows ignores them. */
export interface TableMetricOptions extends MetricOptions {
  /** The rows of the instrument, distinguished by their fixed attributes. */
  readonly rows?: readonly Row[]
}

/** Creates the table's instruments; rows with the same otel name share one. */
export function createInstruments<Key extends string>(
  meter: Meter,
  table: MetricTable<Key>,
): Instruments<Key> {
  const definitions = Object.entries(table.metrics) as [Key, MetricDefinition][]
  const rows = Map.groupBy(
    definitions.map(([, definition]): Row => ({ table, definition })),
    ({ definition }) => definition.otel.name,
  )
  const observables = new Map<string, Observable>()
  const measurements: Partial<Record<Key, Measurement>> = {}
  for (const [key, definition] of definitions) {
    const { name, attributes } = definition.otel
    const observable =
      observables.get(name) ?? createObservable(meter, definition, rows.get(name) ?? [])
    observables.set(name, observable)
    measurements[key] = {
      observe: (result, entity, value) =>
        result.observe(observable, value, entity.series(attributes).attributes),
    }
  }
  return {
    measurements: measurements as Record<Key, Measurement>,
    observables: [...observables.values()],
  }
}

function createObservable(
  meter: Meter,
  definition: MetricDefinition,
  rows: readonly Row[],
): Observable {
  const options: TableMetricOptions = {
    description: definition.description,
    unit: definition.otel.unit,
    valueType: definition.valueType === 'int' ? ValueType.INT : ValueType.DOUBLE,
    rows,
  }
  return CREATE[definition.kind](meter, definition.otel.name, options)
}

const CREATE: Record<
  MetricKind,
  (meter: Meter, name: string, options: MetricOptions) => Observable
> = {
  counter: (meter, name, options) => meter.createObservableCounter(name, options),
  updowncounter: (meter, name, options) => meter.createObservableUpDownCounter(name, options),
  gauge: (meter, name, options) => meter.createObservableGauge(name, options),
}
