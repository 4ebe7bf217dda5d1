import { PrometheusSerializer as StockSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import test from 'ava'
import fc from 'fast-check'
import { COLLECTORS } from '../../../src/collectors/registry.ts'
import { OPEN_METRICS } from '../../../src/telemetry/prometheus/formats.ts'
import { prometheusName } from '../../../src/telemetry/prometheus/names.ts'
import { PrometheusSerializer } from '../../../src/telemetry/prometheus/serializer.ts'
import { parseSamples } from '../../support/exposition.ts'

function gauge(name: string, points: [Record<string, string>, number][]): MetricData {
  return {
    descriptor: { name, description: 'What "it" is\nin \\ words', unit: '', valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: points.map(([attributes, value]) => ({
      startTime: [1, 0],
      endTime: [2, 0],
      attributes,
      value,
    })),
  }
}

function resourceMetrics(...metrics: MetricData[]): ResourceMetrics {
  const resource = resourceFromAttributes({ 'service.name': 's' })
  return { resource, scopeMetrics: [{ scope: { name: 'scope', version: '1' }, metrics }] }
}

const bare = { target_info: false, scope_labels: false }

test('a family has its help and type once, also over scopes', (t) => {
  const metrics = resourceMetrics(gauge('g', [[{ a: 'x' }, 1]]))
  metrics.scopeMetrics.push({ scope: { name: 'other' }, metrics: [gauge('g', [[{ a: 'y' }, 2]])] })
  t.is(
    new PrometheusSerializer(bare).serialize(metrics),
    '# HELP g What "it" is\\nin \\\\ words\n# TYPE g gauge\ng{a="x"} 1\ng{a="y"} 2\n',
  )
})

test('target_info and scope labels are there when asked for', (t) => {
  const text = new PrometheusSerializer({ target_info: true, scope_labels: true }).serialize(
    resourceMetrics(
      gauge('g', [
        [{}, 1],
        [{ a: 'x' }, 2],
      ]),
    ),
  )
  t.deepEqual(
    parseSamples(text).map(({ name, labels }) => [name, labels]),
    [
      ['target_info', { service_name: 's' }],
      ['g', { otel_scope_name: 'scope', otel_scope_version: '1' }],
      ['g', { a: 'x', otel_scope_name: 'scope', otel_scope_version: '1' }],
    ],
  )
})

test('a second type under a name is left out, for it would spoil the scrape', (t) => {
  const counter = {
    ...gauge('g_total', [[{}, 3]]),
    descriptor: { name: 'g', description: '', unit: '', valueType: 1 },
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
  } as MetricData
  const text = new PrometheusSerializer(bare).serialize(
    resourceMetrics(gauge('g_total', [[{}, 1]]), counter),
  )
  t.deepEqual(parseSamples(text), [{ name: 'g_total', labels: {}, value: 1 }])
})

test('OpenMetrics: families of counters without _total, an end, and beginnings when asked for', (t) => {
  const counter = (name: string, prometheusName: string) =>
    ({
      ...gauge(name, [[{ a: 'x' }, 3]]),
      descriptor: { name, prometheusName, description: 'A "word"', unit: '', valueType: 1 },
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
    }) as unknown as MetricData
  const metrics = resourceMetrics(
    counter('c', 'c_total'),
    counter('old', 'old_errors'),
    gauge('g', [[{}, 1]]),
  )
  const serialize = (created: boolean) =>
    new PrometheusSerializer({ target_info: true, scope_labels: false, created }).serialize(
      metrics,
      OPEN_METRICS,
    )
  t.is(
    serialize(true),
    '# HELP target Target metadata\n# TYPE target info\ntarget_info{service_name="s"} 1\n' +
      '# HELP c A \\"word\\"\n# TYPE c counter\nc_total{a="x"} 3\nc_created{a="x"} 1\n' +
      '# HELP old_errors A \\"word\\"\n# TYPE old_errors unknown\nold_errors{a="x"} 3\n' +
      '# HELP g What \\"it\\" is\\nin \\\\ words\n# TYPE g gauge\ng 1\n# EOF\n',
  )
  t.false(serialize(false).includes('_created'))
})

test('no family has the name of another once _total is taken off', (t) => {
  const types = new Map<string, string>()
  for (const { metrics } of COLLECTORS.flatMap(({ tables }) => tables())) {
    for (const { otel, classic, cadvisor, kind } of Object.values(metrics)) {
      const names = [
        { name: prometheusName(otel.name, otel.unit, kind), kind },
        ...[classic, cadvisor].flatMap((other) => other ?? []),
      ]
      for (const { name, kind: own = kind } of names) {
        const { family, type } = OPEN_METRICS.familyOf(name, own === 'counter')
        t.is(types.get(family) ?? type, type, family)
        types.set(family, type)
      }
    }
  }
})

test('the official serialiser says the same of gauges, whatever labels and values are', (t) => {
  const label = fc.string({ unit: 'binary', maxLength: 12 })
  const points = fc.uniqueArray(fc.tuple(label, fc.double({ noNaN: false })), {
    selector: ([text]) => text,
    maxLength: 20,
  })
  const stock = new StockSerializer('', false, undefined, true, true)
  const ours = new PrometheusSerializer(bare)
  fc.assert(
    fc.property(points, (values) => {
      const metrics = resourceMetrics(
        gauge(
          'g',
          values.map(([text, value]) => [{ a: text }, value]),
        ),
      )
      const samples = (text: string) => (values.length === 0 ? [] : lines(text))
      t.deepEqual(samples(ours.serialize(metrics)), samples(stock.serialize(metrics)))
    }),
  )
})

/** Sample lines, as the two write them. */
function lines(text: string): string[] {
  return text
    .split(/\n(?=g\{)/)
    .slice(1)
    .map((line) => line.trimEnd())
}
