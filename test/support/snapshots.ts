/** Snapshots made for a test of the recorder. */
import type { Attributes } from '@opentelemetry/api'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import { COLLECTORS } from '../../src/collectors/registry.ts'
import { WORKLOAD_KEYS } from '../../src/entities/workload-attributes.ts'
import { SAMPLED_FIGURES } from '../../src/recorder/figures.ts'
import type { SampledUsage } from '../../src/recorder/usage.ts'
import type { MetricDefinition, Row } from '../../src/telemetry/definitions.ts'
import { Entity, type Series } from '../../src/telemetry/entity.ts'
import type { ObservedPoint } from '../../src/telemetry/points.ts'
import type { Snapshot } from '../../src/telemetry/sampler.ts'

/** One value of a metric. The attributes object stands for its series: it lives as long as that. */
export type Reading = readonly [metric: string, attributes: Attributes, value: number]

/** All rows of the agent's tables, by the name of their instrument. */
const ROWS = Map.groupBy(
  COLLECTORS.flatMap(({ tables }) => tables()).flatMap((table): Row[] =>
    Object.values<MetricDefinition>(table.metrics).map((definition) => ({ table, definition })),
  ),
  ({ definition }) => definition.otel.name,
)

interface Meaning {
  readonly row: Row | undefined
  readonly series: Series
}

const known = new Map<string, WeakMap<Attributes, Meaning>>()

/** The row and the series that a collector would observe the attributes for. */
function meaningOf(name: string, attributes: Attributes): Meaning {
  const ofMetric = known.get(name) ?? new WeakMap<Attributes, Meaning>()
  known.set(name, ofMetric)
  const meaning = ofMetric.get(attributes) ?? createMeaning(name, attributes)
  ofMetric.set(attributes, meaning)
  return meaning
}

function createMeaning(name: string, attributes: Attributes): Meaning {
  const fixedOf = ({ definition }: Row) => definition.otel.attributes ?? {}
  const rows = ROWS.get(name) ?? []
  const row =
    rows.find((each) =>
      Object.entries(fixedOf(each)).every(([key, value]) => attributes[key] === value),
    ) ?? rows[0]
  const fixed = row && fixedOf(row)
  const pick = (isWanted: (key: string) => boolean) =>
    Object.fromEntries(Object.entries(attributes).filter(([key]) => isWanted(key)))
  const isPart = (key: string) => key === 'system.device'
  const own = pick((key) => !(key in WORKLOAD_KEYS || isPart(key) || (fixed && key in fixed)))
  const entity = new Entity(
    own,
    [0, 0],
    pick((key) => key in WORKLOAD_KEYS),
  )
  const device = pick(isPart)
  const observed = Object.keys(device).length > 0 ? entity.part(device) : entity
  return { row, series: observed.series(fixed) }
}

/** A snapshot of some values at a time in seconds. */
export function snapshotOf(at: number, readings: readonly Reading[]): Snapshot {
  const seconds = Math.floor(at)
  const time: [number, number] = [seconds, Math.round((at - seconds) * 1e9)]
  const families = new Map<string, ObservedPoint[]>()
  for (const [name, attributes, value] of readings) {
    const points = families.get(name) ?? []
    const { row, series } = meaningOf(name, attributes)
    points.push({
      ...{ startTime: [0, 0], endTime: time, value },
      ...{ attributes: series.attributes, series, row },
    })
    families.set(name, points)
  }
  const metrics = [...families].map(
    ([name, dataPoints]): MetricData => ({
      descriptor: { name, description: '', unit: '', valueType: 1 },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.GAUGE,
      dataPoints,
    }),
  )
  return { time, scopes: [{ scope: { name: 'test' }, metrics }] }
}

const sampled = new WeakMap<Attributes, Entity>()

/** A sample of a container; its other values are unknown. The attributes object stands for it. */
export function sampleOf(
  attributes: Attributes,
  figures: Readonly<Partial<Record<(typeof SAMPLED_FIGURES)[number], number>>>,
): SampledUsage {
  const entity = sampled.get(attributes) ?? new Entity({}, [0, 0], attributes)
  sampled.set(attributes, entity)
  const values = Float64Array.from(SAMPLED_FIGURES, (name) => figures[name] ?? Number.NaN)
  return { kind: 'container', entity, values }
}
