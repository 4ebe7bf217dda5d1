/** Observes cgroups and the pressure of the node. */
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api'
import type { Level } from '../../entities/cgroup-selection.ts'
import type { KnownCgroup } from '../../entities/known-cgroup.ts'
import type { CgroupStats, DeviceIo } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { Stall } from '../../kernel/psi.ts'
import type { Entity } from '../../telemetry/entity.ts'
import { createInstruments, type Measurement } from '../../telemetry/instruments.ts'
import type { CgroupReading, Pressures } from './cgroup-files.ts'
import type { PressureRow } from './definitions.ts'
import { LEVELS, NODE_METRICS, NODE_PRESSURE, rowKey } from './definitions.ts'

/** Observes what was read of the cgroups of one level. */
export interface Observer {
  readonly observe: (
    result: BatchObservableResult,
    cgroup: KnownCgroup,
    reading: CgroupReading,
  ) => void
  readonly observables: readonly Observable[]
}

/** Creates the instruments of a level. A value that the kernel doesn't have, and a limit that isn't set, has no series. */
export function levelObserver(
  meter: Meter,
  level: Level,
  deviceName: (device: string) => string,
): Observer {
  const { stats, pressures, table, devices } = LEVELS[level]
  const { measurements, observables } = createInstruments(meter, table)
  const io = createInstruments(meter, devices)
  const statFields = stats.map((row): [keyof CgroupStats, Measurement] => [
    row.field,
    measurements[rowKey(row)],
  ])
  const stalls = pressureFields(pressures, measurements)
  const deviceFields = DEVICE_FIELDS.map((field): [typeof field, Measurement] => [
    field,
    io.measurements[field],
  ])
  return {
    observables: [...observables, ...io.observables],
    observe(result, cgroup, reading) {
      const { entity } = cgroup
      for (const [field, measurement] of statFields) {
        const value = reading.stats[field]
        if (Number.isFinite(value)) measurement.observe(result, entity, value)
      }
      observePressures(result, stalls, entity, reading.pressures)
      for (const device of reading.devices) {
        const deviceEntity = cgroup.device(device, deviceName)
        for (const [field, measurement] of deviceFields) {
          const value = device[field]
          if (Number.isFinite(value)) measurement.observe(result, deviceEntity, value)
        }
      }
    },
  }
}

const DEVICE_FIELDS = [
  'readBytes',
  'writeBytes',
  'reads',
  'writes',
] as const satisfies (keyof DeviceIo)[]

/** Creates the instruments of the node's pressure. */
export function nodeObserver(meter: Meter) {
  const { measurements, observables } = createInstruments(meter, NODE_METRICS)
  const stalls = pressureFields(NODE_PRESSURE, measurements)
  return {
    observables,
    observe: (result: BatchObservableResult, node: Entity, pressures: Pressures) =>
      observePressures(result, stalls, node, pressures),
  }
}

type StallField = readonly [row: PressureRow, field: keyof Stall, measurement: Measurement]

function pressureFields(
  rows: readonly PressureRow[],
  measurements: Readonly<Record<string, Measurement>>,
): StallField[] {
  return rows.map((row) => [row, row.field, measurements[rowKey(row)]])
}

function observePressures(
  result: BatchObservableResult,
  fields: readonly StallField[],
  entity: Entity,
  pressures: Pressures,
): void {
  for (const [{ resource, type }, field, measurement] of fields) {
    const value = pressures[resource][type][field]
    if (Number.isFinite(value)) measurement.observe(result, entity, value)
  }
}
