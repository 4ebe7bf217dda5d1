/** Containers, pods and a node whose tasks wait for longer than the alerts allow. */
import { LEVELS, NODE_METRICS, rowKey } from '../../src/collectors/cgroups/definitions.ts'
import { now } from '../../src/telemetry/clock.ts'
import type { MetricTable, Naming } from '../../src/telemetry/definitions.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { servedText } from '../../test/support/served-text.ts'
import type { AlertCase } from './alert-cases.ts'
import { NODE } from './input-series.ts'

type Resource = 'cpu' | 'memory' | 'io'
type Type = 'some' | 'full'
type Subject = 'container' | 'pod' | 'node'

/** Both at once must not alarm twice. */
const NAMINGS: readonly (readonly Naming[])[] = [['classic'], ['otel'], ['classic', 'otel']]
const WINDOW = 5
/** The part of the time that nothing else exceeds. */
const CALM = 0.05

const TABLES: Readonly<Record<Subject, MetricTable>> = {
  container: LEVELS.container.table,
  pod: LEVELS.pod.table,
  node: NODE_METRICS,
}
const POD = { 'k8s.namespace.name': 'shop', 'k8s.pod.name': 'cart-1', 'k8s.pod.uid': 'u1' }
const IDENTITIES: Readonly<Record<Subject, readonly Record<string, string>[]>> = {
  container: [
    { ...POD, 'k8s.container.name': 'redis', 'container.id': 'c1' },
    { ...POD, 'k8s.container.name': 'metrics', 'container.id': 'c2' },
  ],
  pod: [POD, { ...POD, 'k8s.pod.name': 'cart-2', 'k8s.pod.uid': 'u2' }],
  node: [{}],
}

/** Of the alert, and the part of the time that is beyond it. */
const ALERTS: readonly (readonly [string, Subject, Resource, Type, part: number, waits: number])[] =
  [
    ['ContainerWaitsForMemory', 'container', 'memory', 'full', 0.25, 10],
    ['ContainerWaitsForStorage', 'container', 'io', 'full', 0.4, 15],
    ['ContainerWaitsForCpu', 'container', 'cpu', 'some', 0.75, 30],
    ['PodStandsStill', 'pod', 'memory', 'full', 0.75, 10],
    ['PodStandsStill', 'pod', 'io', 'full', 0.75, 10],
    ['NodeWaitsForMemory', 'node', 'memory', 'full', 0.25, 5],
    ['NodeWaitsForStorage', 'node', 'io', 'full', 0.4, 15],
    ['NodeWaitsForCpu', 'node', 'cpu', 'some', 0.75, 30],
  ]

export const PRESSURE_CASES: readonly AlertCase[] = NAMINGS.flatMap((namings) =>
  ALERTS.map(
    ([alert, subject, resource, type, part, waits]): AlertCase => ({
      title: `${part * 100} % of the time, in ${namings.join(' and ')} names`,
      alert,
      window: WINDOW,
      waits,
      serve: pressed(subject, resource, type, part, namings),
      ...(alert === 'ContainerWaitsForMemory' && said(namings)),
    }),
  ),
)

/** Serves pressure of several subjects. During the fault the first waits for the given part of the time; the others, and all of them otherwise, wait little. */
function pressed(
  subject: Subject,
  resource: Resource,
  type: Type,
  part: number,
  namings: readonly Naming[],
): AlertCase['serve'] {
  const key = rowKey({ resource, type, field: 'total' })
  const waited = IDENTITIES[subject].map((identity) => ({
    entity: new Entity(identity, now()),
    seconds: 0,
  }))
  const text = servedText(
    'cgroups',
    (meter) => {
      const { measurements, observables } = createInstruments(meter, TABLES[subject])
      meter.addBatchObservableCallback((result) => {
        for (const { entity, seconds } of waited) measurements[key].observe(result, entity, seconds)
      }, observables)
    },
    namings,
  )
  return (_, isFaulty) => {
    for (const [index, each] of waited.entries()) {
      each.seconds += 60 * (isFaulty && index === 0 ? part : CALM)
    }
    return text()
  }
}

/** The words and labels of one alert, in the names that count. */
function said(namings: readonly Naming[]): Pick<AlertCase, 'annotations' | 'labels'> {
  const labels = namings.includes('otel')
    ? {
        k8s_namespace_name: 'shop',
        k8s_pod_name: 'cart-1',
        k8s_pod_uid: 'u1',
        k8s_container_name: 'redis',
        psi_type: 'full',
      }
    : {
        namespace: 'shop',
        pod_name: 'cart-1',
        container_name: 'redis',
        type: 'full',
        window: 'total',
      }
  return {
    labels: { ...NODE, ...labels, container_id: 'c1', severity: 'warning' },
    annotations: {
      summary: 'shop/cart-1/redis waits for memory',
      description:
        'For 25% of the time all its tasks wait for memory at once: it works on more than its limit, or than the node has left.',
    },
  }
}
