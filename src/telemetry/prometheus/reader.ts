/** The pull side: a MetricReader that gives Prometheus text when it is asked. */
import { type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics'
import { doInSlices } from '../time-slice.ts'
import { TEXT } from './formats.ts'
import { PrometheusSerializer, type SerializerOptions } from './serializer.ts'

export interface PrometheusReaderOptions extends SerializerOptions {
  readonly producer: MetricProducer
}

export class PrometheusReader extends MetricReader {
  readonly #serializer: PrometheusSerializer

  constructor({ producer, ...options }: PrometheusReaderOptions) {
    super({ metricProducers: [producer] })
    this.#serializer = new PrometheusSerializer(options)
  }

  /** The text of a snapshot of at most the sampler's maximum age. */
  async scrape(format = TEXT): Promise<string> {
    const { resourceMetrics } = await this.collect()
    return doInSlices(this.#serializer.serializing(resourceMetrics, format))
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}
