/** Numbers of processes and threads of each container, each pod and the host, regardless of groups. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import { Entity } from '../../../telemetry/entity.ts'
import { type CgroupOwner, ownerKey } from '../../../workloads/cgroup-path.ts'

/** Numbers of processes and threads of one container, one pod or the host. */
export interface WorkloadCounts {
  readonly key: string
  readonly owner: CgroupOwner
  readonly entity: Entity
  processes: number
  threads: number
}

/** Counts processes and threads by the container, pod or host that they belong to. */
export class WorkloadCounter {
  readonly #counts = new Map<string, WorkloadCounts>()
  readonly #workload: (owner: CgroupOwner) => Attributes
  readonly #created: HrTime

  /** @param workload gives what identifies an owner, as far as it is known now. */
  constructor(workload: (owner: CgroupOwner) => Attributes, created: HrTime) {
    this.#workload = workload
    this.#created = created
  }

  /** The counts of all owners that have processes. */
  values(): Iterable<WorkloadCounts> {
    return this.#counts.values()
  }

  /** The counts of an owner. */
  of(owner: CgroupOwner): WorkloadCounts {
    const key = ownerKey(owner)
    let counts = this.#counts.get(key)
    if (counts === undefined) {
      const entity = new Entity(scopeOf(owner), this.#created, this.#workload(owner))
      counts = { key, owner, entity, processes: 0, threads: 0 }
      this.#counts.set(key, counts)
    }
    return counts
  }

  beginPass(): void {
    for (const counts of this.#counts.values()) {
      counts.processes = 0
      counts.threads = 0
    }
  }

  /** Counts a process; adds the counts again if they were removed. */
  count(counts: WorkloadCounts, threads: number): void {
    if (counts.processes === 0) this.#counts.set(counts.key, counts)
    counts.processes++
    counts.threads += threads
  }

  /** Removes owners without processes. */
  endPass(): void {
    for (const [key, { processes }] of this.#counts) if (processes === 0) this.#counts.delete(key)
  }

  /** Updates the attributes of all owners. */
  rename(): void {
    for (const { entity, owner } of this.#counts.values()) {
      entity.rename(scopeOf(owner), this.#workload(owner))
    }
  }

  /** Whether the owner has processes. */
  has(key: string): boolean {
    return this.#counts.has(key)
  }
}

function scopeOf({ scope }: CgroupOwner): Attributes {
  return { 'workload.scope': scope }
}
