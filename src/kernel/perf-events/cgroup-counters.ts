/** All events of one cgroup, on all CPUs: its threads and children of whatever life are counted. */
import { closeSync, openSync } from 'node:fs'
import { type Count, CounterGroup } from './counter-group.ts'
import type { PerfEvent } from './events.ts'
import type { PerfOpener } from './open.ts'

export interface CounterParts {
  readonly opener: PerfOpener
  readonly cpus: readonly number[]
  readonly events: readonly PerfEvent[]
  /** Told of each event that can't be counted, once for each CPU. */
  readonly onFailure: (event: PerfEvent, error: NodeJS.ErrnoException) => void
}

export class CgroupCounters {
  readonly #groups: CounterGroup[] = []
  readonly #counts = new Map<PerfEvent, Count>()

  /**
   * @param directory of the cgroup.
   * @throws NodeJS.ErrnoException when it is gone.
   */
  constructor(directory: string, { opener, cpus, events, onFailure }: CounterParts) {
    const cgroup = openSync(directory, 'r')
    try {
      for (const group of byGroup(events)) {
        for (const cpu of cpus) {
          this.#groups.push(new CounterGroup(opener, cgroup, cpu, group, onFailure))
        }
      }
    } finally {
      closeSync(cgroup)
    }
  }

  /** Descriptors in use. */
  get size(): number {
    return this.#groups.reduce((sum, { size }) => sum + size, 0)
  }

  /** What was counted since the opening, over all CPUs; of events that could be opened. */
  read(): ReadonlyMap<PerfEvent, Count> {
    for (const group of this.#groups) {
      group.addTo(group.events.map((event) => this.#count(event)))
    }
    return this.#counts
  }

  close(): void {
    for (const group of this.#groups) group.close()
  }

  #count(event: PerfEvent): Count {
    let count = this.#counts.get(event)
    if (count === undefined) {
      count = { value: 0, enabled: 0, running: 0 }
      this.#counts.set(event, count)
    }
    return count
  }
}

function byGroup(events: readonly PerfEvent[]): PerfEvent[][] {
  return [...Map.groupBy(events, (event) => `${event.class} ${event.group}`).values()]
}
