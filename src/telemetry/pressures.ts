/** The pressures in a snapshot by what they are measured of: for people, rather than for a time series. */
import type { ScopeMetrics } from '@opentelemetry/sdk-metrics'
import type { Role, Subject } from './definitions.ts'
import type { Entity } from './entity.ts'
import { pointsOf } from './points.ts'

/** Averages are parts of the time from 0 to 1, `total` is in seconds. */
export type PressureLine = Partial<Record<NonNullable<Role['pressure']>['field'], number>>

/** The pressure of one container, pod or cgroup, or of the node. */
export interface PressureOf {
  readonly subject: Subject
  /** What identifies it, by OpenTelemetry's names; empty for the node. */
  readonly attributes: Readonly<Record<string, string>>
  /** By resource, then by `some` and `full`. */
  readonly pressures: Record<string, Record<string, PressureLine>>
}

/** All of them, the worst first: the one whose tasks waited longest in the last ten seconds. */
export function pressuresOf(scopes: readonly ScopeMetrics[]): PressureOf[] {
  const found = new Map<Entity, PressureOf>()
  for (const points of scopes.flatMap(({ metrics }) => metrics.flatMap(pointsOf))) {
    for (let index = 0; index < points.values.length; index++) {
      const role = points.rowAt(index)?.definition.role
      const series = points.seriesAt(index)
      if (role?.pressure === undefined || series === undefined) continue
      const { resource, type, field } = role.pressure
      const { pressures } = take(found, role.subject, series.entity)
      pressures[resource] ??= {}
      pressures[resource][type] ??= {}
      pressures[resource][type][field] = points.values[index]
    }
  }
  return [...found.values()].sort((a, b) => worst(b) - worst(a))
}

function take(found: Map<Entity, PressureOf>, subject: Subject, entity: Entity): PressureOf {
  const known = found.get(entity)
  if (known !== undefined) return known
  const attributes = Object.fromEntries(
    Object.entries(entity.attributes).map(([key, value]) => [key, String(value)]),
  )
  const pressure = { subject, attributes, pressures: {} }
  found.set(entity, pressure)
  return pressure
}

function worst({ pressures }: PressureOf): number {
  return Math.max(0, ...Object.values(pressures).map(({ some }) => some?.avg10 ?? 0))
}
