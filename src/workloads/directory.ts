/**
 * Names of containers and pods, as far as they are known now. Asking never waits: who is unknown is looked up in the
 * background, at once the first time and ever more rarely while nobody knows it.
 */
import type { Container, NameSource, Pod } from './names.ts'
import { SourceCache } from './source-cache.ts'

export interface DirectoryOptions {
  /** In the order in which they are believed. */
  readonly sources: readonly NameSource[]
  /** Milliseconds after which names are asked for again, though nobody is unknown: labels change. */
  readonly interval?: number
  /** Milliseconds for which a name outlives its container. */
  readonly grace?: number
  /** Told when a source fails after it did not, and when it is well again (undefined). */
  readonly onChange?: (source: string, failure: Error | undefined) => void
}

/** Somebody whose name no source knew yet. */
interface Wanted {
  attempts: number
  /** Milliseconds: not before this is it looked up again. */
  due: number
  askedAt: number
}

const INTERVAL = 60_000
const GRACE = 60_000
const FIRST_DELAY = 500
const LONGEST_DELAY = 60_000

export class Directory {
  /** Rises whenever names change: what was derived from older ones doesn't stand any more. */
  version = 0
  readonly #caches: readonly SourceCache[]
  readonly #options: Required<Omit<DirectoryOptions, 'sources'>>
  readonly #wanted = new Map<string, Wanted>()
  readonly #closing = new AbortController()
  #refreshing: Promise<void> | undefined
  #isWantedAgain = false
  #refreshedAt = Number.NEGATIVE_INFINITY

  constructor({ sources, interval, grace, onChange }: DirectoryOptions) {
    this.#options = {
      interval: interval ?? INTERVAL,
      grace: grace ?? GRACE,
      onChange: onChange ?? (() => {}),
    }
    this.#caches = sources.map((source) => {
      const report = (failure: Error | undefined) => {
        if (!this.#closing.signal.aborted) this.#options.onChange(source.name, failure)
      }
      return new SourceCache(source, this.#options.grace, report)
    })
  }

  /** The sources, and how they did. */
  get sources(): readonly SourceCache[] {
    return this.#caches
  }

  container(id: string): Container | undefined {
    return this.#find(id, (cache) => cache.container(id))
  }

  /** @param cgroupUid as in the cgroup path. */
  pod(cgroupUid: string): Pod | undefined {
    return this.#find(cgroupUid, (cache) => cache.pod(cgroupUid))
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

  close(): void {
    this.#closing.abort(new Error('the directory is closed'))
    for (const { source } of this.#caches) source.close()
  }

  #find<T>(key: string, find: (cache: SourceCache) => T | undefined): T | undefined {
    for (const cache of this.#caches) {
      const found = find(cache)
      if (found === undefined) continue
      if (performance.now() - this.#refreshedAt > this.#options.interval) this.#refreshSoon()
      return found
    }
    if (this.#caches.length > 0) this.#want(key)
    return undefined
  }

  #want(key: string): void {
    const now = performance.now()
    const known = this.#wanted.get(key)
    if (known === undefined) this.#wanted.set(key, { attempts: 0, due: now, askedAt: now })
    else known.askedAt = now
    if (known === undefined || known.due <= now) this.#refreshSoon()
  }

  #refreshSoon(): void {
    // Not twice for one collection that meets many strangers.
    if (this.#refreshing === undefined) void this.refresh()
  }

  async #askAll(): Promise<void> {
    const { signal } = this.#closing
    // Everybody who is unknown now shall be looked up with one question.
    await new Promise((resolve) => setImmediate(resolve))
    for (const cache of this.#caches) {
      if (signal.aborted) return
      if (await cache.refresh(signal)) this.version++
    }
    this.#refreshedAt = performance.now()
    this.#settleWanted(this.#refreshedAt)
  }

  #settleWanted(now: number): void {
    for (const [key, wanted] of this.#wanted) {
      const isKnown = this.#caches.some(
        (cache) => (cache.container(key) ?? cache.pod(key)) !== undefined,
      )
      if (isKnown || now - wanted.askedAt > this.#options.grace) {
        this.#wanted.delete(key)
      } else {
        wanted.due = now + Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** wanted.attempts)
        wanted.attempts++
      }
    }
  }
}
