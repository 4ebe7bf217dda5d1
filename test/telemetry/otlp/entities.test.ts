/** Whose points stand under which Resource. */
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import test from 'ava'
import { WORKLOAD_KEYS } from '../../../src/entities/workload-attributes.ts'
import { Entity, type Series } from '../../../src/telemetry/entity.ts'
import { EntityResources } from '../../../src/telemetry/otlp/entities.ts'
import { countPoints } from '../../../src/telemetry/otlp/requests.ts'

const AGENT = {
  'service.name': 'otel-interrogator',
  'service.instance.id': 'node-1',
  'host.name': 'node-1',
  'k8s.cluster.name': 'c',
  'k8s.pod.name': 'the-agent-itself',
  'k8s.pod.uid': 'agent-uid',
  'container.id': 'agent-container',
  'telemetry.sdk.name': 'x',
}
const A = {
  'container.id': 'a'.repeat(64),
  'k8s.pod.uid': 'u1',
  'k8s.pod.name': 'web',
  'k8s.namespace.name': 'shop',
}
const B = { 'k8s.pod.uid': 'u2' }
const points = [
  { ...A, 'cpu.mode': 'user' },
  { 'procgroup.name': 'init' },
  { ...A, 'cpu.mode': 'system' },
  { ...B },
  { 'container.id': 'c'.repeat(64) },
].map(seriesOf)

/** The series of an entity of the container or pod that the attributes name. */
function seriesOf(attributes: Record<string, string>): Series {
  const pairs = Object.entries(attributes)
  const workload = pairs.filter(([key]) => key in WORKLOAD_KEYS)
  const own = pairs.filter(([key]) => !(key in WORKLOAD_KEYS))
  const entity = new Entity(Object.fromEntries(own), [1, 0], Object.fromEntries(workload))
  return entity.series(undefined)
}

function metrics(series: readonly Series[]): ResourceMetrics {
  const metric = (name: string) => ({
    descriptor: { name, description: '', unit: '', valueType: 0 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE as const,
    dataPoints: series.map((each, value) => ({
      attributes: each.attributes,
      series: each,
      row: undefined,
      value,
      startTime: [1, 0] as [number, number],
      endTime: [2, 0] as [number, number],
    })),
  })
  return {
    resource: resourceFromAttributes(AGENT),
    scopeMetrics: ['one', 'two'].map((name) => ({
      scope: { name },
      metrics: [metric('m'), metric('n')],
    })),
  }
}

test('each container and pod has a Resource, the node and the agent one, and every point stands once', (t) => {
  const whole = metrics(points)
  const parts = new EntityResources().divide(whole)
  t.is(countPoints(parts), countPoints([whole]))
  t.deepEqual(
    parts.map(({ resource }) => resource.attributes),
    [
      AGENT,
      {
        'host.name': 'node-1',
        'k8s.cluster.name': 'c',
        'k8s.node.name': 'node-1',
        ...A,
        'service.instance.id': A['container.id'],
      },
      {
        'host.name': 'node-1',
        'k8s.cluster.name': 'c',
        'k8s.node.name': 'node-1',
        ...B,
        'service.instance.id': 'u2',
      },
      {
        'host.name': 'node-1',
        'k8s.cluster.name': 'c',
        'container.id': 'c'.repeat(64),
        'service.instance.id': 'c'.repeat(64),
      },
    ],
  )
  for (const { scopeMetrics } of parts) {
    t.deepEqual(
      scopeMetrics.map(({ scope }) => scope.name),
      ['one', 'two'],
    )
    for (const { metrics } of scopeMetrics)
      t.deepEqual(
        metrics.map(({ descriptor }) => descriptor.name),
        ['m', 'n'],
      )
  }
  const [, first] = parts
  t.deepEqual(
    first.scopeMetrics[0].metrics[0].dataPoints.map(({ attributes, value }) => [attributes, value]),
    [
      [{ 'cpu.mode': 'user' }, 0],
      [{ 'cpu.mode': 'system' }, 2],
    ],
  )
})

test('a steady state makes no new Resource and no new attributes', (t) => {
  const entities = new EntityResources()
  const first = entities.divide(metrics(points))
  const second = entities.divide(metrics(points))
  for (const [index, { resource }] of second.entries()) {
    if (index > 0) t.is(resource, first[index].resource)
  }
  const own = (parts: ResourceMetrics[]) =>
    parts[1].scopeMetrics[0].metrics[0].dataPoints[0].attributes
  t.is(own(second), own(first))
  t.is(entities.divide(metrics(points.slice(0, 2))).length, 2)
  t.not(entities.divide(metrics(points))[2].resource, first[2].resource)
})

test("an image's reference is divided as the conventions have it", (t) => {
  const digest = `sha256:${'d'.repeat(64)}`
  const images = {
    'nginx:1.27': { name: 'nginx', tags: ['1.27'] },
    'registry:5000/team/app': { name: 'registry:5000/team/app' },
    [`registry:5000/app:1@${digest}`]: {
      name: 'registry:5000/app',
      tags: ['1'],
      repo_digests: [`registry:5000/app@${digest}`],
    },
    [digest]: { id: digest },
  }
  for (const [reference, parts] of Object.entries(images)) {
    const point = { ...A, 'container.image.name': reference }
    const [, { resource }] = new EntityResources().divide(
      metrics([seriesOf({ a: '' }), seriesOf(point)]),
    )
    const seen = Object.entries(resource.attributes).flatMap(([key, value]) =>
      key.startsWith('container.image.') ? [[key.slice('container.image.'.length), value]] : [],
    )
    t.deepEqual(Object.fromEntries(seen), parts)
  }
})

test('identity in the names of another vocabulary, and attributes that no entity made, stay on the point', (t) => {
  const whole = metrics([seriesOf({ ...A })])
  const [metric] = whole.scopeMetrics[0].metrics
  const [point] = metric.dataPoints
  const others = [
    { ...point, attributes: { container_id: 'a' } },
    { ...point, attributes: { ...A }, series: undefined },
  ]
  Object.assign(metric, { dataPoints: others })
  const [agent, ...rest] = new EntityResources().divide({
    ...whole,
    scopeMetrics: [{ ...whole.scopeMetrics[0], metrics: [metric] }],
  })
  t.deepEqual(agent.scopeMetrics[0].metrics[0].dataPoints as unknown[], others)
  t.deepEqual(rest, [])
})
