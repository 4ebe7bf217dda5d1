/** From metric definitions to OpenTelemetry observable instruments, on any meter. */
import {
  type BatchObservableResult,
  type Meter,
  type MetricOptions,
  type Observable,
  ValueType,
} from '@opentelemetry/api'
import type { MetricDefinition, MetricKind, MetricTable } from './definitions.ts'
import type { Entity } from './entity.ts'

/** One measurement of a collector: observes a value for an entity. */
export interface Measurement {
  observe(result: BatchObservableResult, entity: Entity, value: number): void
}

export interface Instruments<Key extends string> {
  /** A measurement for each row of the table. */
  readonly measurements: Readonly<Record<Key, Measurement>>
  /** The instruments behind them, for the batch callback. */
  readonly observables: Observable[]
}

/** Creates the table's instruments; rows with the same otel name share one. */
export function createInstruments<Key extends string>(
  meter: Meter,
  table: MetricTable<Key>,
): Instruments<Key> {
  const observables = new Map<string, Observable>()
  const measurements: Partial<Record<Key, Measurement>> = {}
  for (const key of Object.keys(table.metrics) as Key[]) {
    const definition = table.metrics[key]
    const { name, attributes } = definition.otel
    const observable = observables.get(name) ?? createObservable(meter, definition)
    observables.set(name, observable)
    measurements[key] = {
      observe: (result, entity, value) =>
        result.observe(observable, value, entity.with(attributes)),
    }
  }
  return {
    measurements: measurements as Record<Key, Measurement>,
    observables: [...observables.values()],
  }
}

function createObservable(meter: Meter, definition: MetricDefinition): Observable {
  const options: MetricOptions = {
    description: definition.description,
    unit: definition.otel.unit,
    valueType: definition.valueType === 'int' ? ValueType.INT : ValueType.DOUBLE,
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
