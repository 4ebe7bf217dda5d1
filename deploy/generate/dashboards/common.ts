/** What the dashboards have in common: whose agents, pods and containers they show. */

import { BUILD_METRICS } from '../../../src/collectors/agent/definitions.ts'
import type { Naming } from '../../../src/telemetry/definitions.ts'
import type { DashboardSpec, PanelSpec, VariableSpec } from './grafana.ts'
import { AGENTS, type Measure, measure, Queries, type Query, TOP } from './queries.ts'

/** What a dashboard is, without what all of them have. */
export interface Topic extends Pick<DashboardSpec, 'title' | 'description' | 'rows'> {
  readonly variables?: readonly VariableSpec[]
}

/** The vocabularies for which there are dashboards, and what people call them. */
const NAMINGS = {
  classic: 'classic names',
  otel: 'OpenTelemetry names',
} as const satisfies Partial<Record<Naming, string>>
export type DashboardNaming = keyof typeof NAMINGS

/** Which container, in words: not all are of a pod. */
export const OWNER = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.container.name',
  'container.name',
] as const
export const CONTAINER = [...OWNER, 'container.id'] as const

/** Attributes that can be chosen where a dashboard is of containers. */
export const WORKLOAD_FILTERS = {
  ...AGENTS,
  'k8s.namespace.name': 'namespace',
  'k8s.pod.name': 'pod',
} as const

const NAMES = { 'k8s.namespace.name': 'Namespace', 'k8s.pod.name': 'Pod' } as const

/** Variables for namespaces and pods, from the labels of a measurement; a pod is one of the chosen namespaces. */
export function workloadVariables(naming: Naming, measured: Measure): VariableSpec[] {
  let filters: Record<string, string> = { ...AGENTS }
  return Object.entries(NAMES).map(([attribute, label]) => {
    const name = WORKLOAD_FILTERS[attribute as keyof typeof NAMES]
    const query = new Queries(naming, filters).values(measured, attribute)
    filters = { ...filters, [attribute]: name }
    return { name, label, query }
  })
}

/** @param name the last part of its uid. */
export function completeSpec(name: string, naming: DashboardNaming, topic: Topic): DashboardSpec {
  const info = measure(BUILD_METRICS, 'info')
  return {
    ...topic,
    uid: `otel-interrogator-${name}-${naming}`,
    title: `${topic.title} (${NAMINGS[naming]})`,
    tags: ['otel-interrogator', NAMINGS[naming]],
    variables: [
      { name: 'job', label: 'Job', query: new Queries(naming).values(info, AGENTS.job) },
      {
        name: 'instance',
        label: 'Node',
        query: new Queries(naming, { job: AGENTS.job }).values(info, AGENTS.instance),
      },
      ...(topic.variables ?? []),
    ],
    top: { name: TOP, choices: [10, 20, 50] },
  }
}

/** A panel of time series, unless it says otherwise. */
export function panel(
  title: string,
  queries: Query | readonly Query[],
  more: Omit<PanelSpec, 'title' | 'queries'> = {},
): PanelSpec {
  return { title, queries: [queries].flat(), ...more }
}

/** One number. */
export function stat(title: string, query: Query): PanelSpec {
  return panel(title, query, { type: 'stat', width: 4 })
}
