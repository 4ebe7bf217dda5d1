import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  type DataPoint,
  MeterProvider,
  type MetricProducer,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import test from 'ava'
import { openInterrogator } from '../src/index.ts'
import { parseSamples } from './support/exposition.ts'
import { freePort } from './support/free-port.ts'
import { attributesOf, pointsOf, pointValue, startReceiver } from './support/receiver.ts'

/** All points of the snapshot, by name, value and attributes. */
async function shownBy(producer: MetricProducer) {
  const { resourceMetrics } = await producer.collect()
  return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
    metrics.flatMap(({ descriptor, dataPoints }) =>
      (dataPoints as DataPoint<number>[]).map(({ value, attributes }) => ({
        name: descriptor.name,
        value,
        attributes: Object.fromEntries(
          Object.entries(attributes).map(([key, text]) => [key, String(text)]),
        ),
      })),
    ),
  )
}

test('official readers show the points of one snapshot', async (t) => {
  const interrogator = await openInterrogator({
    settings: {
      // One snapshot for all that is asked here.
      'collection.max_age': '1h',
      'process_groups.smaps': false,
      'workloads.sources': ['none'],
      'node.name': 'a-node',
    },
  })
  const receiver = await startReceiver()
  const port = await freePort()
  const metricProducers = [interrogator]
  const pulled = new PrometheusExporter({ host: '127.0.0.1', port, metricProducers })
  const pushed = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: receiver.endpoint }),
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 30_000,
    metricProducers,
  })
  const resource = resourceFromAttributes(interrogator.resourceAttributes)
  const provider = new MeterProvider({ resource, readers: [pulled, pushed] })
  t.teardown(async () => {
    await provider.shutdown()
    await interrogator.close()
    receiver.close()
  })
  const expected = await shownBy(interrogator)
  t.true(expected.some(({ name }) => name.startsWith('procgroup.')))

  await pushed.forceFlush()
  const arrived = pointsOf(receiver.requests).map(({ metric: { name }, point }) => ({
    name,
    value: pointValue(point),
    attributes: attributesOf(point),
  }))
  t.deepEqual(arrived, expected)
  const [{ resource: sent }] = receiver.requests[0].resourceMetrics
  t.is(attributesOf(sent)['host.name'], 'a-node')
  t.is(attributesOf(sent)['service.name'], 'otel-interrogator')

  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const samples = parseSamples(text).filter(({ name }) => name !== 'target_info')
  t.is(samples.length, expected.length)
  const values = (all: readonly { value: number }[]) =>
    all.map(({ value }) => value).sort((one, other) => one - other)
  t.deepEqual(values(samples), values(expected))
})

test('what is wrong with a setting is said, and nothing is left running', async (t) => {
  await t.throwsAsync(openInterrogator({ settings: { 'process_groups.thread': false } }), {
    message: /^process_groups\.thread: unknown setting; did you mean "process_groups\.threads"/,
  })
  await t.throwsAsync(openInterrogator({ settings: { 'procfs.root': '/nowhere' } }), {
    message: /\/nowhere, which is no procfs/,
  })
})
