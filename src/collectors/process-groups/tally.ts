/** How many processes and threads each container, each pod and the host has, whatever group they are in. */
import type { Entity } from '../../telemetry/entity.ts'
import { type CgroupOwner, ownerKey } from '../../workloads/cgroup-path.ts'

export interface Tally {
  readonly key: string
  readonly owner: CgroupOwner
  entity: Entity
  processes: number
  threads: number
}

export class Tallies {
  readonly #tallies = new Map<string, Tally>()
  readonly #entity: (owner: CgroupOwner) => Entity

  constructor(entity: (owner: CgroupOwner) => Entity) {
    this.#entity = entity
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
      tally = { key, owner, entity: this.#entity(owner), processes: 0, threads: 0 }
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
    for (const tally of this.#tallies.values()) tally.entity = this.#entity(tally.owner)
  }

  /** Whether the owner has processes. */
  has(key: string): boolean {
    return this.#tallies.has(key)
  }
}
