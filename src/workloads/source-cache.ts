/** What one source of names said last: containers by id, pods by the uid in cgroup paths. */
import type { Container, Listing, NameSource, Pod, SourceObserver } from './names.ts'

/** Counts of the requests to one source of names. */
export interface SourceCounts {
  /** Complete listings, and attempts to list or to watch that failed. */
  lists: number
  failures: number
}

interface Seen<T> {
  value: T
  /** Milliseconds: when a listing had it last. */
  at: number
}

/** The last listing of one source of names; entries outlive it by a grace time. */
export class SourceCache {
  readonly source: NameSource
  readonly counts: SourceCounts = { lists: 0, failures: 0 }
  /** Why the last attempt failed; undefined when it didn't. */
  failure: Error | undefined
  readonly #grace: number
  readonly #onChange: (failure: Error | undefined) => void
  readonly #containers = new Map<string, Seen<Container>>()
  readonly #pods = new Map<string, Seen<Pod>>()
  readonly #observer: SourceObserver = {
    listed: () => {
      this.counts.lists++
    },
    failed: (error) => {
      this.counts.failures++
      const hadFailed = this.failure !== undefined
      this.failure = error
      if (!hadFailed) this.#onChange(error)
    },
    recovered: () => {
      const hadFailed = this.failure !== undefined
      this.failure = undefined
      if (hadFailed) this.#onChange(undefined)
    },
  }

  /**
   * @param grace milliseconds for which a name outlives its absence.
   * @param onChange called when the source begins to fail, and with undefined when it has recovered.
   */
  constructor(
    source: NameSource,
    grace: number,
    onChange: (failure: Error | undefined) => void = () => {},
  ) {
    this.source = source
    this.#grace = grace
    this.#onChange = onChange
    source.observe?.(this.#observer)
  }

  container(id: string): Container | undefined {
    return this.#containers.get(id)?.value
  }

  pod(cgroupUid: string): Pod | undefined {
    return this.#pods.get(cgroupUid)?.value
  }

  /** How many containers are remembered. */
  get size(): number {
    return this.#containers.size
  }

  /**
   * Asks the source. While it doesn't answer, what it said last stays.
   *
   * @returns whether anything changed.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const isPolled = this.source.observe === undefined
    try {
      const listing = await this.source.list(signal)
      if (isPolled) {
        this.#observer.listed()
        this.#observer.recovered()
      }
      return this.#take(listing, performance.now())
    } catch (error) {
      if (isPolled && !signal.aborted) this.#observer.failed(error as Error)
      return false
    }
  }

  #take({ containers, pods }: Listing, now: number): boolean {
    let isChanged = false
    for (const container of containers) {
      if (put(this.#containers, container.id, container, now)) isChanged = true
    }
    for (const pod of pods) if (put(this.#pods, pod.cgroupUid, pod, now)) isChanged = true
    forget(this.#containers, now - this.#grace)
    forget(this.#pods, now - this.#grace)
    return isChanged
  }
}

/** Whether what is put says something else than what was there. */
function put<T>(map: Map<string, Seen<T>>, key: string, value: T, at: number): boolean {
  const known = map.get(key)
  if (known === undefined) {
    map.set(key, { value, at })
    return true
  }
  const isSame = known.value === value || print(known.value) === print(value)
  if (!isSame) known.value = value
  known.at = at
  return !isSame
}

function print(value: unknown): string {
  return JSON.stringify(value, (_, part) => (part instanceof Map ? [...part].sort() : part))
}

function forget(map: Map<string, Seen<unknown>>, before: number): void {
  for (const [key, { at }] of map) if (at < before) map.delete(key)
}
