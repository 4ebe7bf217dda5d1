/** What one source of names said last: containers by id, pods by the uid in cgroup paths. */
import type { Container, Listing, NameSource, Pod } from './names.ts'

export interface SourceCounts {
  /** Complete answers, and questions that failed. */
  lists: number
  failures: number
}

interface Seen<T> {
  value: T
  /** Milliseconds: when a listing had it last. */
  at: number
}

export class SourceCache {
  readonly source: NameSource
  readonly counts: SourceCounts = { lists: 0, failures: 0 }
  /** Why the last question failed; undefined when it didn't. */
  failure: Error | undefined
  readonly #grace: number
  readonly #containers = new Map<string, Seen<Container>>()
  readonly #pods = new Map<string, Seen<Pod>>()

  /** @param grace milliseconds for which a name outlives its absence. */
  constructor(source: NameSource, grace: number) {
    this.source = source
    this.#grace = grace
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
    try {
      const listing = await this.source.list(signal)
      this.counts.lists++
      this.failure = undefined
      return this.#take(listing, performance.now())
    } catch (error) {
      this.counts.failures++
      this.failure = error as Error
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
