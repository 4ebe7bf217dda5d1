/** Counters of all events of one cgroup or process, over all its threads and all CPUs. */
import { closeSync, openSync } from 'node:fs'
import { type Count, CounterGroup } from './counter-group.ts'
import type { PerfEvent } from './events.ts'
import type { PerfOpener } from './open.ts'

/** Which events are counted, where and how. */
export interface CounterParts {
  readonly opener: PerfOpener
  readonly cpus: readonly number[]
  readonly events: readonly PerfEvent[]
  /** Called for each event that can't be counted, once per CPU or thread. */
  readonly onFailure: (event: PerfEvent, error: NodeJS.ErrnoException) => void
}

/** What was counted since the opening; of events that could be opened. */
export type Counts = Map<PerfEvent, Count>

/** The counters of one cgroup or process, added up over CPUs or threads. */
export class Counters {
  readonly #groups: readonly CounterGroup[]
  readonly #counts: Counts

  /** @param counts what the groups' counts are added to. */
  constructor(groups: readonly CounterGroup[], counts: Counts = new Map()) {
    this.#groups = groups
    this.#counts = counts
  }

  /** Descriptors in use. */
  get size(): number {
    return this.#groups.reduce((sum, { size }) => sum + size, 0)
  }

  /** Adds what was counted since the last reading. */
  read(): Counts {
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

/**
 * Counts a cgroup on every CPU: all threads in it and below it, also those that start later.
 *
 * @param directory of the cgroup.
 * @throws NodeJS.ErrnoException when it is gone.
 */
export function countCgroup(
  directory: string,
  { opener, cpus, events, onFailure }: CounterParts,
): Counters {
  const cgroup = openSync(directory, 'r')
  try {
    const groups = [...Map.groupBy(events, (event) => `${event.class} ${event.group}`).values()]
    return new Counters(
      groups.flatMap((group) =>
        cpus.map((cpu) => new CounterGroup(opener, { cgroup, cpu }, group, onFailure)),
      ),
    )
  } finally {
    closeSync(cgroup)
  }
}

/**
 * Counts threads and whatever they start from now on, processes among it, as long as it lives: what they started before
 * is not counted. The kernel does not count events together then.
 *
 * @param counts what is added to.
 */
export function countThreads(
  threads: readonly number[],
  { opener, events, onFailure }: Omit<CounterParts, 'cpus'>,
  counts: Counts,
): Counters {
  const groups = threads.flatMap((thread) =>
    events.map((event) => new CounterGroup(opener, { thread }, [event], onFailure)),
  )
  return new Counters(groups, counts)
}
