/** Metric data made for a test. */
import { emptyResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricProducer,
  type MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'

/** Two counters and a gauge, `points` in all; values and attributes tell the points apart. */
export function someMetrics(points: number, round = 0): ResourceMetrics {
  const sizes = [Math.ceil(points / 2), Math.floor(points / 3)]
  sizes.push(points - sizes[0] - sizes[1])
  return {
    resource: resourceFromAttributes({ 'service.name': 'test' }),
    scopeMetrics: [
      {
        scope: { name: 'test' },
        metrics: sizes.map((size, metric) => ({
          descriptor: { name: `test.metric.${metric}`, description: 'x', unit: 'By', valueType: 0 },
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          dataPointType: DataPointType.SUM as const,
          isMonotonic: true,
          dataPoints: Array.from({ length: size }, (_, index) => ({
            startTime: [1_800_000_000, 0],
            endTime: [1_800_000_010 + round, 0],
            attributes: { 'test.index': `point number ${index}`, 'test.filler': 'x'.repeat(100) },
            value: round * 1e6 + metric * 1e5 + index,
          })),
        })),
      },
    ],
  }
}

/** Gives `someMetrics` of a further round at each collection. */
export function someProducer(points: number): MetricProducer & { collections: number } {
  return {
    collections: 0,
    async collect() {
      const { scopeMetrics } = someMetrics(points, ++this.collections)
      return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] }
    },
  }
}

/** Gives a reader what it needs to be alive. */
export function provide(...readers: MetricReader[]): MeterProvider {
  return new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'test' }),
    readers,
  })
}
