/** The pull side: a PrometheusExporter that gives its text to the agent's own web server. */
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import type { MetricProducer } from '@opentelemetry/sdk-metrics'
import { doInSlices } from '../time-slice.ts'
import { TEXT } from './formats.ts'
import { PrometheusSerializer, type SerializerOptions } from './serializer.ts'

/** The producer of snapshots, and the settings of the text. */
export type PrometheusReaderOptions = SerializerOptions & { readonly producer: MetricProducer }

/**
 * The exporter collects and has the reader's life cycle; its server is never started: the agent's own has TLS,
 * passwords and limits. The text is made by our serialiser: the exporter's has no unit suffixes, one format
 * whatever a client accepts, makes the text of all labels again each time, and holds the event loop until it is done.
 */
export class PrometheusReader extends PrometheusExporter {
  readonly #serializer: PrometheusSerializer

  constructor({ producer, ...options }: PrometheusReaderOptions) {
    super({ preventServerStart: true, metricProducers: [producer] })
    this.#serializer = new PrometheusSerializer(options)
  }

  /** The text of a snapshot of at most the sampler's maximum age, in pieces of UTF-8. */
  async scrape(format = TEXT): Promise<readonly Buffer[]> {
    const { resourceMetrics } = await this.collect()
    return doInSlices(this.#serializer.serializing(resourceMetrics, format))
  }
}
