/** Names from the container runtime itself, over the CRI: pods and containers of every kubelet's node. */
import type { Container, KeptKeys, Listing, NameSource, Pod } from '../../names.ts'
import type { CriClient } from './client.ts'
import type { ListedContainer, Sandbox } from './messages.ts'

/** Where runtimes listen, in the order of the kubelet's own search. */
export const CRI_SOCKETS = [
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/var/run/crio/crio.sock',
  '/run/cri-dockerd.sock',
  '/var/run/cri-dockerd.sock',
  '/run/k3s/containerd/containerd.sock',
  '/run/k0s/containerd.sock',
  '/var/snap/microk8s/common/run/containerd.sock',
]

const EXITED = 2
/** What a runtime gives for the image where it doesn't keep what the user wrote: containerd before 1.7. */
const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{64}$/

/** A source of names that lists the containers of a CRI runtime. */
export class CriSource implements NameSource {
  readonly name = 'cri'
  readonly #socket: string
  #opening: Promise<CriClient> | undefined
  #isClosed = false
  readonly #kept: KeptKeys
  #runtime: string | undefined
  /** Names of images by their id, as far as containers needed them. */
  #images = new Map<string, string>()

  /** @param socket path of the runtime's socket. */
  constructor(socket: string, kept: KeptKeys) {
    this.#socket = socket
    this.#kept = kept
  }

  async list(signal: AbortSignal): Promise<Listing> {
    this.#opening ??= openClient(this.#socket)
    const client = await this.#opening
    if (this.#isClosed) client.close()
    this.#runtime ??= (await client.version(signal)).name
    const runtime = this.#runtime
    const [sandboxes, containers] = await Promise.all([
      client.sandboxes(signal),
      client.containers(signal),
    ])
    await this.#nameImages(client, containers, signal)
    const pods = new Map<string, Pod>()
    const listed: Container[] = []
    for (const sandbox of sandboxes) {
      // A sandbox that isn't ready has ended; another one has taken the pod over.
      if (!sandbox.isReady) continue
      const pod = podOf(sandbox, this.#kept)
      pods.set(sandbox.id, pod)
      listed.push({ id: sandbox.id, name: '', isSandbox: true, runtime, pod })
    }
    for (const container of containers) {
      if (container.state !== EXITED) listed.push(this.#containerOf(container, runtime, pods))
    }
    return { containers: listed, pods: [...pods.values()] }
  }

  close(): void {
    this.#isClosed = true
    void this.#opening?.then(
      (client) => client.close(),
      () => {},
    )
  }

  /** Asks for names of images when a container has one that is known by id only. */
  async #nameImages(
    client: CriClient,
    containers: readonly ListedContainer[],
    signal: AbortSignal,
  ): Promise<void> {
    const ids = containers.map(({ image }) => image).filter((image) => IMAGE_ID.test(image))
    if (ids.every((id) => this.#images.has(id))) return
    const known = new Map<string, string>()
    // A runtime that doesn't list images still names pods and containers.
    for (const { id, tags, digests } of await client.images(signal).catch(() => [])) {
      known.set(id, tags[0] ?? digests[0] ?? id)
    }
    // An image that has gone meanwhile stays what it is, and is not asked for again.
    for (const id of ids) if (!known.has(id)) known.set(id, this.#images.get(id) ?? id)
    this.#images = known
  }

  #containerOf(
    { id, name, image, sandboxId, createdAt }: ListedContainer,
    runtime: string,
    pods: ReadonlyMap<string, Pod>,
  ): Container {
    const pod = pods.get(sandboxId)
    return {
      id,
      name,
      isSandbox: false,
      runtime,
      ...(image !== '' && { image: this.#images.get(image) ?? image }),
      ...(createdAt > 0 && { startedAt: createdAt / 1e9 }),
      ...(pod !== undefined && { pod }),
    }
  }
}

/** gRPC is loaded with the client: it takes several MiB, and a node without a CRI runtime does not need it. */
async function openClient(socket: string): Promise<CriClient> {
  const { CriClient } = await import('./client.ts')
  return new CriClient(socket)
}

/** The uid is that of the cgroup path; of a static pod only the API server knows another one. */
function podOf({ uid, name, namespace, labels, annotations }: Sandbox, kept: KeptKeys): Pod {
  return {
    uid,
    cgroupUid: uid,
    name,
    namespace,
    labels: pick(labels, kept.labels),
    annotations: pick(annotations, kept.annotations),
  }
}

function pick(from: ReadonlyMap<string, string>, keys: ReadonlySet<string>): Map<string, string> {
  return new Map([...from].filter(([key]) => keys.has(key)))
}
