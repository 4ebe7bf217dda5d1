/** The pressures in a snapshot, gathered by what they are about: for people, rather than for a time series. */
import type { Attributes } from '@opentelemetry/api'
import type { DataPoint, ScopeMetrics } from '@opentelemetry/sdk-metrics'

/** Averages are parts of the time from 0 to 1, `total` is in seconds. */
export interface PressureLine {
  avg10?: number
  avg60?: number
  avg300?: number
  total?: number
}

/** The pressure of one container, pod or cgroup, or of the node. */
export interface PressureOf {
  readonly subject: 'container' | 'pod' | 'cgroup' | 'node'
  /** What identifies it, by OpenTelemetry's names; empty for the node. */
  readonly attributes: Readonly<Record<string, string>>
  /** By resource, then by `some` and `full`. */
  readonly pressures: Record<string, Record<string, PressureLine>>
}

const NAME =
  /^(container|k8s\.pod|cgroup|system)\.(cpu|memory|io|irq)\.(?:linux\.)?pressure\.(avg|time)$/
const SUBJECTS = {
  container: 'container',
  'k8s.pod': 'pod',
  cgroup: 'cgroup',
  system: 'node',
} as const
const WINDOWS: Readonly<Record<string, keyof PressureLine>> = {
  '10s': 'avg10',
  '60s': 'avg60',
  '300s': 'avg300',
}

/** All of them, the worst first: by what some task waited for longest in the last ten seconds. */
export function pressuresOf(scopes: readonly ScopeMetrics[]): PressureOf[] {
  const found = new Map<string, PressureOf>()
  for (const { metrics } of scopes) {
    for (const { descriptor, dataPoints } of metrics) {
      const match = NAME.exec(descriptor.name)
      if (match === null) continue
      const [, root, resource, kind] = match
      for (const point of dataPoints as DataPoint<number>[]) {
        const field = kind === 'time' ? 'total' : WINDOWS[String(point.attributes['psi.window'])]
        if (field === undefined) continue
        const of = take(found, SUBJECTS[root as keyof typeof SUBJECTS], point.attributes)
        of.pressures[resource] ??= {}
        const lines = of.pressures[resource]
        const type = String(point.attributes['psi.type'])
        lines[type] ??= {}
        lines[type][field] = point.value
      }
    }
  }
  return [...found.values()].sort((a, b) => worst(b) - worst(a))
}

function take(
  found: Map<string, PressureOf>,
  subject: PressureOf['subject'],
  attributes: Attributes,
): PressureOf {
  const identity = Object.fromEntries(
    Object.entries(attributes)
      .filter(([key]) => !key.startsWith('psi.'))
      .map(([key, value]) => [key, String(value)]),
  )
  const key = JSON.stringify([subject, identity])
  const known = found.get(key) ?? { subject, attributes: identity, pressures: {} }
  found.set(key, known)
  return known
}

function worst({ pressures }: PressureOf): number {
  return Math.max(0, ...Object.values(pressures).map(({ some }) => some?.avg10 ?? 0))
}
