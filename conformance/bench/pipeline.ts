/** Cost of the telemetry pipeline alone: observing, one snapshot, both readers. */
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { now } from '../../src/telemetry/clock.ts'
import { metricTable } from '../../src/telemetry/definitions.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { EntityResources } from '../../src/telemetry/otlp/entities.ts'
import { RequestLimit, Requests } from '../../src/telemetry/otlp/requests.ts'
import { REQUEST_SERIALIZER } from '../../src/telemetry/otlp/transport.ts'
import { PrometheusSerializer } from '../../src/telemetry/prometheus/serializer.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'
import { snapshotProducer } from '../../src/telemetry/snapshot-producer.ts'
import { doAtOnce } from '../../src/telemetry/time-slice.ts'
import { median } from '../support/median.ts'

const ROUNDS = 40
const METRICS = 20
const MAX_REQUEST_SIZE = 3 * 1024 ** 2

/** Measures the parts of a collection of that many series, and prints the medians of their CPU time. */
export async function measurePipeline(
  series: number,
  print: (line: string) => void,
): Promise<void> {
  const { readers, serializer } = createPipeline(series)
  const limit = new RequestLimit(MAX_REQUEST_SIZE)
  const entities = new EntityResources()
  const times = {
    collection: [] as number[],
    text: [] as number[],
    encoding: [] as number[],
    official: [] as number[],
  }
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    const [pulled, pushed] = await Promise.all(readers.map((reader) => reader.collect()))
    times.collection.push(cpuMilliseconds(before))
    times.text.push(timeOf(() => doAtOnce(serializer.serializing(pulled.resourceMetrics))))
    const encode = () => {
      const requests = new Requests(entities.divide(pushed.resourceMetrics), limit)
      for (let next = requests.next(); next !== undefined; next = requests.next()) {
        REQUEST_SERIALIZER.serializeRequest(next)
      }
    }
    const official = () => ProtobufMetricsSerializer.serializeRequest(pushed.resourceMetrics)
    // In turn, for the first of the two finds more garbage of what was before.
    if (round % 2 === 0) {
      times.encoding.push(timeOf(encode))
      times.official.push(timeOf(official))
    } else {
      times.official.push(timeOf(official))
      times.encoding.push(timeOf(encode))
    }
  }
  print(`telemetry pipeline with ${series} series`)
  print(`  collection for both readers: ${milliseconds(times.collection)}`)
  print(`  Prometheus text, encoded: ${milliseconds(times.text)}`)
  print(
    `  OTLP encoding with a Resource for each of ${Math.ceil(series / METRICS / 2)} containers: ${milliseconds(times.encoding)}`,
  )
  print(
    `  the same points by the official serializer, all in one Resource: ${milliseconds(times.official)}`,
  )
  const ratios = times.encoding.map((time, round) => time / times.official[round])
  print(`  ratio of the two: ${median(ratios).toFixed(2)}`)
}

/** Milliseconds of CPU, those of the garbage collector's threads among them: what else runs does not count. */
function timeOf(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  return cpuMilliseconds(before)
}

function cpuMilliseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

class BareReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** A collector that does nothing but observe, with classic names to be translated. */
function createPipeline(series: number) {
  const start = now()
  const meter = new ObservableMeter({ name: 'bench' }, start)
  const metrics = Object.fromEntries(
    Array.from({ length: METRICS }, (_, index) => [`m${index}`, definition(index)]),
  )
  const keys = { 'bench.name': { description: '', classic: 'groupname' } }
  const table = metricTable({ scope: 'bench', keys, metrics })
  const { measurements, observables } = createInstruments(meter, table)
  const rows = Object.values(measurements)
  const entities = Array.from(
    { length: Math.ceil(series / METRICS) },
    (_, index) => new Entity({ 'bench.name': `group-${index}` }, start, workload(index)),
  )
  let round = 0
  meter.addBatchObservableCallback((result) => {
    round++
    for (const entity of entities) for (const row of rows) row.observe(result, entity, round * 1.5)
  }, observables)
  const sampler = new Sampler({ meters: [meter], maxAge: 0, onRun: () => {} })
  const translation = new NameTranslation()
  const readers = (['classic', 'otel'] as const).map(
    (naming) =>
      new BareReader({ metricProducers: [snapshotProducer(sampler, translation, [naming])] }),
  )
  new MeterProvider({ resource: resourceFromAttributes({ 'service.name': 'bench' }), readers })
  const serializer = new PrometheusSerializer({ target_info: true, scope_labels: false })
  return { readers, serializer }
}

/** Every second entity is a container's. */
function workload(index: number) {
  const id = index.toString(16).padStart(64, '0')
  return index % 2 === 0 ? { 'container.id': id, 'k8s.pod.name': `pod-${index >> 2}` } : undefined
}

function definition(index: number) {
  const attributes = { direction: index % 2 === 0 ? 'read' : 'write' }
  return {
    description: 'A measurement',
    kind: 'counter',
    valueType: 'double',
    otel: { name: `bench.metric.${index >> 1}`, unit: 'By', attributes },
    classic: { name: `bench_${index >> 1}_total`, attributes },
  } as const
}

function milliseconds(times: readonly number[]): string {
  return `${median(times).toFixed(1)} ms`
}
