/**
 * Resolves ids of containers and pods to names, from the sources that are configured. A look-up never waits: an unknown
 * id is asked for in the background, at once the first time and then with growing delays.
 */
import type { Container, NameSource, Pod } from './names.ts'
import { SourceCache } from './source-cache.ts'

/** The sources of a resolver, and its times. */
export interface NameResolverOptions {
  /** In the order of precedence. */
  readonly sources: readonly NameSource[]
  /** Milliseconds after which names are asked for again, though every id is known: labels change. */
  readonly interval?: number
  /** Milliseconds for which a name outlives its container. */
  readonly grace?: number
  /** Milliseconds after which a container that its pod's source does not list is taken for the pod's sandbox. */
  readonly sandboxAge?: number
  /** Called when a source begins to fail, and with undefined when it answers again. */
  readonly onChange?: (source: string, failure: Error | undefined) => void
}

/** A container or pod whose name no source has given yet. */
interface Wanted {
  /** Complete rounds of questions since. */
  attempts: number
  /** Of a container: the UID of its pod in the cgroup path. */
  readonly podUid: string | undefined
  /** Milliseconds: when it was asked for first. */
  readonly since: number
  /** Milliseconds: not before this is it looked up again. */
  due: number
  askedAt: number
}

/** Milliseconds. */
const INTERVAL = 60_000
const GRACE = 60_000
const FIRST_DELAY = 500
const MAX_DELAY = 60_000
/** Rounds that follow without a further look-up: an API server learns of a container a second or more after it has started. */
const OWN_ROUNDS = 5
/** Milliseconds; statuses of containers arrive sooner. */
const SANDBOX_AGE = 15_000

/** Names of the containers and pods of this node, as far as they are known now. */
export class NameResolver {
  /** Rises whenever names change: what was derived from older names is out of date then. */
  version = 0
  readonly #caches: readonly SourceCache[]
  readonly #options: Required<Omit<NameResolverOptions, 'sources'>>
  readonly #wanted = new Map<string, Wanted>()
  readonly #closing = new AbortController()
  #refreshing: Promise<void> | undefined
  #isWantedAgain = false
  #refreshedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** Containers that no source lists, in pods that one knows. */
  readonly #sandboxes = new Map<string, Container>()

  constructor({ sources, interval, grace, sandboxAge, onChange }: NameResolverOptions) {
    this.#options = {
      interval: interval ?? INTERVAL,
      grace: grace ?? GRACE,
      sandboxAge: sandboxAge ?? SANDBOX_AGE,
      onChange: onChange ?? (() => {}),
    }
    this.#caches = sources.map((source) => {
      const report = (failure: Error | undefined) => {
        if (!this.#closing.signal.aborted) this.#options.onChange(source.name, failure)
      }
      return new SourceCache(source, this.#options.grace, report)
    })
  }

  /** The sources, with the counts of their requests and failures. */
  get sources(): readonly SourceCache[] {
    return this.#caches
  }

  /** @param podUid the UID of its pod in the cgroup path, where there is one. */
  container(id: string, podUid?: string): Container | undefined {
    return this.#find(id, podUid, (cache) => cache.container(id)) ?? this.#sandboxes.get(id)
  }

  /** @param cgroupUid as in the cgroup path. */
  pod(cgroupUid: string): Pod | undefined {
    return this.#find(cgroupUid, undefined, (cache) => cache.pod(cgroupUid))
  }

  /**
   * Waits until the sources have answered for the ids that were first asked for just now, at most the given
   * milliseconds. Returns at once when no id is new.
   */
  async settle(milliseconds: number): Promise<void> {
    const isPending = [...this.#wanted.values()].some(({ attempts }) => attempts === 0)
    if (!isPending || this.#refreshing === undefined) return
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, milliseconds)
    await Promise.race([this.#refreshing, timeout.promise])
    clearTimeout(timer)
  }

  /** Asks all sources once; settles when they have answered or failed. */
  async refresh(): Promise<void> {
    if (this.#refreshing !== undefined) {
      this.#isWantedAgain = true
      return this.#refreshing
    }
    this.#refreshing = this.#askAll()
    await this.#refreshing
    this.#refreshing = undefined
    if (this.#isWantedAgain && !this.#closing.signal.aborted) {
      this.#isWantedAgain = false
      void this.refresh()
    }
  }

  /** Ends the look-ups under way and closes the sources. */
  close(): void {
    this.#closing.abort(new Error('the resolver is closed'))
    clearTimeout(this.#timer)
    for (const { source } of this.#caches) source.close()
  }

  #find<T>(
    key: string,
    podUid: string | undefined,
    find: (cache: SourceCache) => T | undefined,
  ): T | undefined {
    for (const cache of this.#caches) {
      const found = find(cache)
      if (found === undefined) continue
      if (performance.now() - this.#refreshedAt > this.#options.interval) this.#refreshSoon()
      return found
    }
    if (this.#caches.length > 0 && !this.#sandboxes.has(key)) this.#want(key, podUid)
    return undefined
  }

  #want(key: string, podUid: string | undefined): void {
    const now = performance.now()
    const known = this.#wanted.get(key)
    if (known === undefined) {
      this.#wanted.set(key, { attempts: 0, podUid, since: now, due: now, askedAt: now })
    } else known.askedAt = now
    if (known === undefined || known.due <= now) this.#refreshSoon()
  }

  #refreshSoon(): void {
    // One round for a collection that meets many unknown ids.
    if (this.#refreshing === undefined) void this.refresh()
  }

  async #askAll(): Promise<void> {
    const { signal } = this.#closing
    // One round for all ids that are unknown in this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    for (const cache of this.#caches) {
      if (signal.aborted) return
      if (await cache.refresh(signal)) this.version++
    }
    this.#refreshedAt = performance.now()
    this.#settleWanted(this.#refreshedAt)
  }

  #settleWanted(now: number): void {
    let next = Number.POSITIVE_INFINITY
    for (const [key, wanted] of this.#wanted) {
      const isKnown = this.#caches.some(
        (cache) => (cache.container(key) ?? cache.pod(key)) !== undefined,
      )
      if (
        isKnown ||
        this.#isSandbox(key, wanted, now) ||
        now - wanted.askedAt > this.#options.grace
      ) {
        this.#wanted.delete(key)
      } else {
        wanted.due = now + Math.min(MAX_DELAY, FIRST_DELAY * 2 ** wanted.attempts)
        wanted.attempts++
        if (wanted.attempts <= OWN_ROUNDS) next = Math.min(next, wanted.due)
      }
    }
    this.#forgetSandboxes()
    clearTimeout(this.#timer)
    if (next === Number.POSITIVE_INFINITY || this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => this.#refreshSoon(), Math.max(0, next - now)).unref()
  }

  /** Takes a container for a sandbox when the source that knows its pod has long had time to list it. */
  #isSandbox(id: string, { podUid, since }: Wanted, now: number): boolean {
    if (podUid === undefined || now - since < this.#options.sandboxAge) return false
    const knowing = this.#caches.find((cache) => cache.pod(podUid) !== undefined)
    const pod = knowing?.pod(podUid)
    if (pod === undefined || !knowing?.source.hidesSandboxes || knowing.failure !== undefined) {
      return false
    }
    this.#sandboxes.set(id, { id, name: '', isSandbox: true, pod })
    this.version++
    return true
  }

  /** A sandbox ends with its pod; a container that a source lists after all is none. */
  #forgetSandboxes(): void {
    for (const [id, { pod }] of this.#sandboxes) {
      const isListed = this.#caches.some((cache) => cache.container(id) !== undefined)
      const isThere = this.#caches.some((cache) => cache.pod(pod?.cgroupUid ?? '') !== undefined)
      if (isListed || !isThere) this.#sandboxes.delete(id)
    }
  }
}
