/**
 * Counters of a cgroup that the kernel lets fall.
 *
 * Cgroup v1 adds up storage, and old kernels page faults, over a cgroup and those below it when a file is read. What a
 * removed cgroup has counted is missing from then on. Were the fall taken for a counter that begins anew, the shares of
 * all other cgroups would be counted as an increase. So the share of the removed one is kept, and the counter goes on.
 */
import type { CgroupStats, DeviceIo } from '../kernel/cgroupfs/cgroup-stats.ts'

/** What has been found out about one kind of sums: the kernels differ. */
export interface SumBehaviour {
  /** Whether a sum has fallen after a cgroup was removed. */
  losesRemoved: boolean
}

/** Sums of cgroup v1; undefined for what the node has from cgroup v2, which keeps the share of removed cgroups. */
export interface LossySums {
  readonly faults: SumBehaviour | undefined
  readonly devices: SumBehaviour | undefined
}

/**
 * Milliseconds after which the kernel has taken the share of a removed cgroup out of its sums: less than 50 were seen.
 */
const REMOVAL_MILLISECONDS = 5000

/** A sum over a cgroup and those below it, to which the shares of removed ones are added. */
export class ContinuedSum {
  /** As the kernel gave it last. */
  #raw = 0
  #value = 0
  /** Shares of removed cgroups that the kernel leaves out. */
  #kept = 0
  /**
   * Shares of removed cgroups that the kernel has still, or has left out unnoticed because others have added more. Negative
   * when a share was missing before the removal was seen.
   */
  #pending = 0
  #pendingSince = 0

  /**
   * @param raw what the kernel gives.
   * @param now milliseconds, by a monotonic clock.
   * @returns that together with the shares of removed cgroups; it never falls.
   */
  next(raw: number, now: number, behaviour: SumBehaviour): number {
    this.#raw = raw
    const missing = this.#value - (raw + this.#kept)
    // What was missing at the last reading belongs to no removed cgroup that is known.
    if (this.#pending < 0) this.#pending = 0
    if (missing > 0) {
      if (this.#pending > 0) behaviour.losesRemoved = true
      this.#kept += missing
      this.#pending -= missing
    }
    if (this.#pending > 0 && now - this.#pendingSince >= REMOVAL_MILLISECONDS) {
      if (behaviour.losesRemoved) this.#kept += this.#pending
      this.#pending = 0
    }
    this.#value = raw + this.#kept
    return this.#value
  }

  /** Takes note of a cgroup below that has been removed since the last reading, or while it was taken. */
  keep(removed: ContinuedSum, now: number): void {
    this.#pending += removed.#raw
    this.#pendingSince = now
  }
}

/** Page faults of a cgroup. */
export class FaultCounters {
  readonly #all = new ContinuedSum()
  readonly #major = new ContinuedSum()
  #minor = 0

  /** Puts counters that never fall in the place of those that the kernel gives. */
  next(stats: CgroupStats, now: number, behaviour: SumBehaviour | undefined): void {
    const { minorFaults, majorFaults } = stats
    if (Number.isNaN(minorFaults) || Number.isNaN(majorFaults)) return
    let all = minorFaults + majorFaults
    if (behaviour !== undefined) {
      all = this.#all.next(all, now, behaviour)
      stats.majorFaults = this.#major.next(majorFaults, now, behaviour)
    }
    // A major fault is counted as one and among all, but not at once: the difference can fall for a moment.
    this.#minor = Math.max(this.#minor, all - stats.majorFaults)
    stats.minorFaults = this.#minor
  }

  keep(removed: FaultCounters, now: number): void {
    this.#all.keep(removed.#all, now)
    this.#major.keep(removed.#major, now)
  }
}

const FIELDS = ['readBytes', 'writeBytes', 'reads', 'writes'] as const satisfies (keyof DeviceIo)[]

/** What a cgroup has read from and written to one device. */
export class DeviceCounters {
  #last: DeviceIo | undefined
  readonly #sums = FIELDS.map(() => new ContinuedSum())

  /** Whether the kernel has begun to count anew: the device was taken away, and came back. */
  hasBegunAnew(io: DeviceIo): boolean {
    const last = this.#last
    this.#last = io
    return last !== undefined && FIELDS.some((field) => io[field] < last[field])
  }

  /** Puts counters that never fall in the place of those that the kernel gives. */
  next(io: DeviceIo, now: number, behaviour: SumBehaviour): void {
    FIELDS.forEach((field, index) => {
      if (!Number.isNaN(io[field])) io[field] = this.#sums[index].next(io[field], now, behaviour)
    })
  }

  keep(removed: DeviceCounters, now: number): void {
    this.#sums.forEach((sum, index) => {
      sum.keep(removed.#sums[index], now)
    })
  }
}
