/** Snapshots made for a test of the recorder. */
import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import type { Snapshot } from '../../src/telemetry/sampler.ts'

/** One value of a metric. */
export type Reading = readonly [metric: string, attributes: Attributes, value: number]

/** A snapshot of some values at a time in seconds. */
export function snapshotOf(at: number, readings: readonly Reading[]): Snapshot {
  const seconds = Math.floor(at)
  const time: [number, number] = [seconds, Math.round((at - seconds) * 1e9)]
  const families = new Map<string, DataPoint<number>[]>()
  for (const [name, attributes, value] of readings) {
    const points = families.get(name) ?? []
    points.push({ startTime: [0, 0], endTime: time, attributes, value })
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
