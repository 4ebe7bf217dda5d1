/** Names from this node's kubelet: each listing is one request for all its pods. */
import type { KeptKeys, Listing, NameSource } from '../../names.ts'
import { Client } from './client.ts'
import type { Peer } from './credentials.ts'
import { readPodList } from './pod-list.ts'
import { PodStore } from './pod-store.ts'

/** The address and credentials of the kubelet, and the labels and annotations to keep. */
export interface KubeletOptions {
  /** Usually the node's address and port 10250. */
  readonly peer: Peer
  readonly kept: KeptKeys
}

const PATH = '/pods'

/** Milliseconds. */
const SILENCE = 30_000
const DEADLINE = 60_000
/** Bytes. A kubelet has 110 pods by default, whose JSON is 5 to 20 kB each. */
const MAX_LIST = 64 * 1024 * 1024

/** Kubernetes documentation, "Kubelet authentication/authorization". */
const HINTS: Readonly<Record<number, string>> = {
  401:
    'the kubelet does not accept the token: it has expired, or the kubelet has no webhook ' +
    'authentication (authentication.webhook.enabled)',
  403:
    'the service account needs the verb get on nodes/pods in a ClusterRole ' +
    '(on nodes/proxy, the right to run commands in pods, where the kubelet is older than 1.33)',
  404: 'does this kubelet serve its pods (enableDebuggingHandlers)?',
}

/** A source of names that lists the pods of this node's kubelet. */
export class KubeletSource implements NameSource {
  readonly name = 'kubelet'
  readonly hidesSandboxes = true
  /** Pods without uid or names since the start, once for each listing that lacks them. */
  omitted = 0
  readonly #client: Client
  readonly #kept: KeptKeys
  readonly #closing = new AbortController()

  constructor({ peer, kept }: KubeletOptions) {
    this.#client = new Client(peer)
    this.#kept = kept
  }

  /** @throws PeerError; the signal's reason. */
  async list(signal: AbortSignal): Promise<Listing> {
    const store = new PodStore(this.#kept)
    const chunks = this.#client.get(PATH, {
      signal: AbortSignal.any([signal, this.#closing.signal]),
      silence: SILENCE,
      deadline: DEADLINE,
      largest: MAX_LIST,
      hints: HINTS,
    })
    await readPodList(this.#client.address + PATH, chunks, (pod) => store.add(pod))
    this.omitted += store.omitted
    return store.listing
  }

  close(): void {
    this.#closing.abort(new Error('the source of names is closed'))
    this.#client.close()
  }
}
