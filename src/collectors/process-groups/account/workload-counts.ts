/** How many processes and threads each container, each pod and the host has, whatever group they are in. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import { Entity } from '../../../telemetry/entity.ts'
import { type CgroupOwner, ownerKey } from '../../../workloads/cgroup-path.ts'

export interface Tally {
  readonly key: string
  readonly owner: CgroupOwner
  readonly entity: Entity
  processes: number
  threads: number
}

export class Tallies {
  readonly #tallies = new Map<string, Tally>()
  readonly #attributes: (owner: CgroupOwner) => Attributes
  readonly #created: HrTime

  /** @param attributes what names an owner, as far as it is known now. */
  constructor(attributes: (owner: CgroupOwner) => Attributes, created: HrTime) {
    this.#attributes = attributes
    this.#created = created
  }

  /** Those that have processes. */
  values(): Iterable<Tally> {
    return this.#tallies.values()
  }

  /** The tally to which a process of that owner adds. */
  of(owner: CgroupOwner): Tally {
    const key = ownerKey(owner)
    let tally = this.#tallies.get(key)
    if (tally === undefined) {
      const entity = new Entity(this.#attributes(owner), this.#created)
      tally = { key, owner, entity, processes: 0, threads: 0 }
      this.#tallies.set(key, tally)
    }
    return tally
  }

  beginPass(): void {
    for (const tally of this.#tallies.values()) {
      tally.processes = 0
      tally.threads = 0
    }
  }

  /** Counts a process; its tally is remembered again if it was forgotten. */
  count(tally: Tally, threads: number): void {
    if (tally.processes === 0) this.#tallies.set(tally.key, tally)
    tally.processes++
    tally.threads += threads
  }

  /** Forgets whom no process belongs to any more. */
  endPass(): void {
    for (const [key, { processes }] of this.#tallies) if (processes === 0) this.#tallies.delete(key)
  }

  /** Gives everybody the names that are known now. */
  rename(): void {
    for (const { entity, owner } of this.#tallies.values()) entity.rename(this.#attributes(owner))
  }

  /** Whether the owner has processes. */
  has(key: string): boolean {
    return this.#tallies.has(key)
  }
}
