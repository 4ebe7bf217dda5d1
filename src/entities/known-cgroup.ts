/** A cgroup that is measured, from its first sight to its end. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import type { DeviceIo } from '../kernel/cgroupfs/cgroup-stats.ts'
import { Entity } from '../telemetry/entity.ts'
import type { Workloads } from '../workloads/workloads.ts'
import type { Selected } from './cgroup-selection.ts'
import { workloadAttributes } from './workload-attributes.ts'

/** Collections between two looks for a file that was not there. */
const LOOK_AGAIN = 60

export class KnownCgroup {
  readonly path: string
  readonly inode: number
  readonly selected: Selected
  readonly entity: Entity
  /** The last collection that saw it. */
  pass = 0
  /** The time of the last collection that could read it; undefined before the first one. */
  lastTime: HrTime | undefined
  readonly #own: Attributes
  readonly #devices = new Map<string, Entity>()
  /** By file: the collection in which it was missing. */
  readonly #missing = new Map<string, number>()

  /**
   * @param start since when its counters count.
   * @param own attributes beside those that name it.
   */
  constructor(
    path: string,
    inode: number,
    selected: Selected,
    start: HrTime,
    workloads: Workloads,
    own: Attributes = {},
  ) {
    this.path = path
    this.inode = inode
    this.selected = selected
    this.#own = own
    this.entity = new Entity(this.#attributes(workloads), start)
  }

  /** Takes the names that are known now. */
  rename(workloads: Workloads): void {
    this.entity.rename(this.#attributes(workloads))
  }

  /** @param name of the device by its numbers. */
  device({ device }: DeviceIo, name: (device: string) => string): Entity {
    let entity = this.#devices.get(device)
    if (entity === undefined) {
      entity = this.entity.part({ 'system.device': name(device) })
      this.#devices.set(device, entity)
    }
    return entity
  }

  /** Whether a file was missing lately. */
  lacks(file: string): boolean {
    const missed = this.#missing.get(file)
    if (missed === undefined) return false
    if (this.pass - missed < LOOK_AGAIN) return true
    this.#missing.delete(file)
    return false
  }

  setMissing(file: string): void {
    this.#missing.set(file, this.pass)
  }

  #attributes(workloads: Workloads): Attributes {
    const { level, owner } = this.selected
    const attributes =
      level === 'cgroup' ? { 'cgroup.path': this.path } : workloadAttributes(workloads.name(owner))
    return { ...attributes, ...this.#own }
  }
}
