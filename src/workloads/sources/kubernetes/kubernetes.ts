/** Names from the API server: a list of this node's pods, kept current by a watch. */
import { setTimeout as delayed } from 'node:timers/promises'
import type { KeptKeys, Listing, NameSource, SourceObserver } from '../../names.ts'
import { backOff } from './back-off.ts'
import { Client } from './client.ts'
import type { Peer } from './credentials.ts'
import { PeerError } from './peer-error.ts'
import { PodApi } from './pod-api.ts'
import { PodStore } from './pod-store.ts'
import type { WatchEvent } from './watch-events.ts'

/** The API server, the node and the times of list and watch. */
export interface KubernetesOptions {
  readonly peer: Peer
  /** `metadata.name` of this node's Node. */
  readonly nodeName: string
  readonly kept: KeptKeys
  /** Pods in one answer. */
  readonly pageSize?: number
  /** Milliseconds without a byte after which a list is given up. */
  readonly silence?: number
  /** Seconds that the server keeps a watch, at least; up to twice as long. */
  readonly watchTimeout?: number
  /** Milliseconds over a watch's time after which it is given up. */
  readonly watchMargin?: number
  /** Milliseconds after which an accepted watch counts as working although no event came. */
  readonly settleTime?: number
  readonly random?: () => number
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>
}

/** What happened since the start. */
export interface KubernetesCounts {
  /** Complete ones. */
  lists: number
  /** Watches that the server ended in good order. */
  watches: number
  readonly events: Map<WatchEvent['type'], number>
  /** Pods without uid or names, which no listing has. */
  omitted: number
  /** Lists and watches that failed, by the `reason` of the `PeerError`. */
  readonly failures: Map<string, number>
}

const GONE = '410'

/** Milliseconds. */
const SETTLE_TIME = 5000

/** After these it would not help to ask for the same again: only a list goes on. After others the watch does. */
const LOST: ReadonlySet<string> = new Set([GONE, '400', 'garbage', 'too-large'])

/** A source of names that lists and watches the pods of this node at the API server. */
export class KubernetesSource implements NameSource {
  readonly name = 'kubernetes'
  readonly hidesSandboxes = true
  readonly counts: KubernetesCounts = {
    lists: 0,
    watches: 0,
    events: new Map(),
    omitted: 0,
    failures: new Map(),
  }
  readonly #options: KubernetesOptions
  readonly #client: Client
  readonly #api: PodApi
  readonly #random: () => number
  readonly #sleep: NonNullable<KubernetesOptions['sleep']>
  readonly #closing = new AbortController()
  #observer: SourceObserver | undefined
  #isStarted = false
  /** Undefined until the first list is complete. */
  #store: PodStore | undefined
  /** Settled with the first list, or with the attempt at it that failed last. */
  #firstList = pending()
  /** From where to watch on; undefined when only a list will do. */
  #version: string | undefined
  #isExact = false
  /** Whether the server answered 410 since a watch last worked. */
  #hasExpired = false
  #failuresInARow = 0

  constructor(options: KubernetesOptions) {
    const { peer, nodeName, random = Math.random } = options
    const { pageSize = 100, silence = 30_000, watchTimeout = 300, watchMargin = 30_000 } = options
    const client = new Client(peer)
    this.#options = options
    this.#client = client
    this.#random = random
    this.#sleep =
      options.sleep ?? ((delay, signal) => delayed(delay, undefined, { signal, ref: false }))
    this.#api = new PodApi({
      client,
      nodeName,
      pageSize,
      silence,
      watchTimeout,
      watchMargin,
      random,
    })
  }

  /**
   * The listing that the watch keeps; the first call starts it and waits for the first list. While the
   * server is away the listing stays what it was, and the observer is told.
   *
   * @throws PeerError of the last attempt, as long as there was no list; the signal's reason.
   */
  async list(signal: AbortSignal): Promise<Listing> {
    signal.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    if (!this.#isStarted) {
      this.#isStarted = true
      void this.#run()
    }
    if (this.#store === undefined) await settledOrAborted(this.#firstList.promise, signal)
    return (this.#store as PodStore).listing
  }

  observe(observer: SourceObserver): void {
    this.#observer = observer
  }

  close(): void {
    const error = new Error('the source of names is closed')
    this.#closing.abort(error)
    this.#firstList.reject(error)
    this.#client.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const delay = await this.#goOn(signal)
      if (delay > 0) await this.#sleep(delay, signal).catch(() => {})
    }
  }

  /** Lists where that is needed, and watches until the watch ends. Milliseconds to wait before the next time. */
  async #goOn(signal: AbortSignal): Promise<number> {
    let settled: NodeJS.Timeout | undefined
    const recovered = () => {
      this.#hasExpired = false
      this.#observer?.recovered()
    }
    // A watch that is accepted and then ended by an error has brought nothing: not yet a recovery.
    const onOpen = () => {
      settled = setTimeout(recovered, this.#options.settleTime ?? SETTLE_TIME)
      settled.unref()
    }
    try {
      this.#version ??= await this.#list(signal)
      let hasEvents = false
      for await (const event of this.#api.watch(this.#version, signal, onOpen)) {
        this.#take(event)
        hasEvents = true
        this.#failuresInARow = 0
        recovered()
      }
      this.counts.watches++
      recovered()
      // A server that only ends watches shall not be asked without end; a good one sends bookmarks.
      return hasEvents ? 0 : backOff(++this.#failuresInARow, this.#random())
    } catch (error) {
      return signal.aborted ? 0 : this.#fail(error as Error)
    } finally {
      clearTimeout(settled)
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    if (this.#store === undefined) {
      // Not when the first call made it: a caller waits for that one.
      if (this.#failuresInARow > 0) this.#firstList = pending()
    }
    const store = new PodStore(this.#options.kept)
    const version = await this.#api.list(this.#isExact, (pod) => store.add(pod), signal)
    this.#isExact = false
    this.#store = store
    this.counts.lists++
    this.#observer?.listed()
    this.counts.omitted += store.omitted
    this.#firstList.resolve()
    return version
  }

  #take({ type, object, resourceVersion }: WatchEvent): void {
    const store = this.#store as PodStore
    const { omitted } = store
    if (type === 'DELETED') store.remove(object)
    else if (type !== 'BOOKMARK') store.add(object)
    this.#version = resourceVersion
    this.counts.omitted += store.omitted - omitted
    this.counts.events.set(type, (this.counts.events.get(type) ?? 0) + 1)
  }

  #fail(error: Error): number {
    const { reason, retryAfter } =
      error instanceof PeerError ? error : { reason: error.name, retryAfter: 0 }
    this.counts.failures.set(reason, (this.counts.failures.get(reason) ?? 0) + 1)
    // A version that expired once is how watches work, no failure: the list that follows brings everything.
    const isRoutine = reason === GONE && this.#version !== undefined && !this.#hasExpired
    if (reason === GONE) this.#hasExpired = true
    if (LOST.has(reason)) this.#version = undefined
    if (reason === GONE) this.#isExact = true
    const delay = Math.max(retryAfter, backOff(++this.#failuresInARow, this.#random()))
    this.#firstList.reject(error)
    if (!isRoutine) this.#observer?.failed(error)
    return delay
  }
}

function pending(): PromiseWithResolvers<void> {
  const resolvers = Promise.withResolvers<void>()
  // There may be no caller that waits when it fails.
  resolvers.promise.catch(() => {})
  return resolvers
}

async function settledOrAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
