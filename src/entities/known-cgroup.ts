/** A measured cgroup, from its first reading to its removal. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import type { CgroupStats, DeviceIo } from '../kernel/cgroupfs/cgroup-stats.ts'
import { Entity } from '../telemetry/entity.ts'
import type { Workloads } from '../workloads/workloads.ts'
import type { Selected } from './cgroup-selection.ts'
import { DeviceCounters, FaultCounters, type LossySums } from './continued-counters.ts'
import { workloadAttributes } from './workload-attributes.ts'

/** Collections after which a missing file is tried again. */
const RETRY_AFTER_COLLECTIONS = 60

/** What has just been read of a cgroup. */
interface CgroupCounters {
  readonly stats: CgroupStats
  readonly devices: readonly DeviceIo[]
}

/** A device that the cgroup uses. */
interface KnownDevice {
  readonly counters: DeviceCounters
  /** Since when they count, if not since the cgroup does. */
  readonly start: HrTime | undefined
  entity: Entity | undefined
}

/** A measured cgroup: its entity, its devices, and the files that it lacks. */
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
  readonly #devices = new Map<string, KnownDevice>()
  readonly #faults = new FaultCounters()
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
    this.entity = new Entity(this.#attributes(), start, this.#workload(workloads))
  }

  /** Takes the names that are known now. */
  rename(workloads: Workloads): void {
    this.entity.rename(this.#attributes(), this.#workload(workloads))
  }

  /** Puts counters that don't fall in the place of those that the kernel gives. */
  follow({ stats, devices }: CgroupCounters, lossy: LossySums): void {
    const now = performance.now()
    this.#faults.next(stats, now, lossy.faults)
    for (const io of devices) {
      const { counters } = this.#devices.get(io.device) ?? this.#addDevice(io.device)
      if (lossy.devices !== undefined) counters.next(io, now, lossy.devices)
      else if (counters.hasBegunAnew(io)) {
        this.#addDevice(io.device, this.lastTime).counters.hasBegunAnew(io)
      }
    }
  }

  /** Keeps what a cgroup below had counted, which has been removed. */
  keep(removed: KnownCgroup, lossy: LossySums): void {
    const now = performance.now()
    if (lossy.faults !== undefined) this.#faults.keep(removed.#faults, now)
    if (lossy.devices === undefined) return
    for (const [device, { counters }] of removed.#devices) {
      this.#devices.get(device)?.counters.keep(counters, now)
    }
  }

  /** @param name of the device by its numbers. */
  device({ device }: DeviceIo, name: (device: string) => string): Entity {
    const known = this.#devices.get(device) ?? this.#addDevice(device)
    known.entity ??= this.entity.part({ 'system.device': name(device) }, known.start)
    return known.entity
  }

  #addDevice(device: string, start?: HrTime): KnownDevice {
    const known = { counters: new DeviceCounters(), start, entity: undefined }
    this.#devices.set(device, known)
    return known
  }

  /** Whether a file was missing lately. */
  lacks(file: string): boolean {
    const missed = this.#missing.get(file)
    if (missed === undefined) return false
    if (this.pass - missed < RETRY_AFTER_COLLECTIONS) return true
    this.#missing.delete(file)
    return false
  }

  setMissing(file: string): void {
    this.#missing.set(file, this.pass)
  }

  #attributes(): Attributes {
    const { level } = this.selected
    return level === 'cgroup' ? { 'cgroup.path': this.path, ...this.#own } : this.#own
  }

  #workload(workloads: Workloads): Attributes | undefined {
    const { level, owner } = this.selected
    return level === 'cgroup' ? undefined : workloadAttributes(workloads.name(owner))
  }
}
