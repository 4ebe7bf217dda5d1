/** The two requests for a node's pods to an API server: list and watch ("Kubernetes API Concepts"). */
import type { Client } from './client.ts'
import { PeerError } from './peer-error.ts'
import { readPodList } from './pod-list.ts'
import { type WatchEvent, WatchParser } from './watch-events.ts'

/** The client, the node and the times of the two requests. */
export interface PodApiOptions {
  readonly client: Client
  readonly nodeName: string
  /** Pods in one answer. */
  readonly pageSize: number
  /** Milliseconds without a byte after which a list is given up. */
  readonly silence: number
  /** Seconds that the server keeps a watch, at least; up to twice as long, by `random`. */
  readonly watchTimeout: number
  /** Milliseconds over a watch's time after which it is given up. */
  readonly watchMargin: number
  readonly random: () => number
}

const PATH = '/api/v1/pods'
/** Milliseconds. */
const PAGE_DEADLINE = 120_000
/** Bytes. A page has 100 pods, whose JSON is 5 to 20 kB each. */
const MAX_PAGE = 64 * 1024 * 1024

const UNAUTHORIZED =
  'the token is not valid here: has it expired, or is it of another cluster or of an account that is gone?'

/** Lists and watches the pods of one node. */
export class PodApi {
  readonly #options: PodApiOptions

  constructor(options: PodApiOptions) {
    this.#options = options
  }

  /**
   * All pods of the node, page by page.
   *
   * @param isExact the newest state, at the price of a read from etcd; else what the server has at hand,
   *   which is by node and may be a little old.
   * @returns the version to watch from.
   * @throws PeerError `410` when reading the pages took longer than the server keeps that version.
   */
  async list(
    isExact: boolean,
    onPod: (pod: unknown) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const { client, pageSize, silence } = this.#options
    let next: string | undefined
    let resourceVersion: string | undefined
    do {
      const query = this.#query({ limit: String(pageSize) })
      if (next !== undefined) query.set('continue', next)
      // The server refuses a version along with `continue`.
      else if (!isExact) query.set('resourceVersion', '0')
      const chunks = client.get(`${PATH}?${query}`, {
        signal,
        silence,
        deadline: PAGE_DEADLINE,
        largest: MAX_PAGE,
        hints: { 401: UNAUTHORIZED, 403: forbidden('list') },
      })
      const page = await readPodList(client.address + PATH, chunks, onPod)
      resourceVersion = page.resourceVersion
      next = page.next
    } while (next !== undefined)
    if (resourceVersion === undefined) {
      throw new PeerError('garbage', `${client.address}${PATH} answered a list without its version`)
    }
    return resourceVersion
  }

  /**
   * What changes after a version, until the server ends it.
   *
   * @param onOpen called when the server has accepted the watch.
   * @throws PeerError `410` when the server doesn't know that version any more.
   */
  async *watch(
    resourceVersion: string,
    signal: AbortSignal,
    onOpen: () => void,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const { client, watchTimeout, watchMargin, random } = this.#options
    const timeoutSeconds = Math.ceil(watchTimeout * (1 + random()))
    const query = this.#query({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(timeoutSeconds),
    })
    const parser = new WatchParser(client.address + PATH)
    const chunks = client.get(`${PATH}?${query}`, {
      signal,
      silence: timeoutSeconds * 1000 + watchMargin,
      onOpen,
      hints: { 401: UNAUTHORIZED, 403: forbidden('watch') },
    })
    for await (const chunk of chunks) yield* parser.push(chunk)
  }

  #query(parameters: Readonly<Record<string, string>>): URLSearchParams {
    return new URLSearchParams({
      fieldSelector: `spec.nodeName=${this.#options.nodeName}`,
      ...parameters,
    })
  }
}

function forbidden(verb: string): string {
  return `the service account needs the verb ${verb} on pods in a ClusterRole (it needs list and watch)`
}
