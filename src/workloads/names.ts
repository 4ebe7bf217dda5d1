/** What sources of names (CRI, kubelet, API server, Docker) tell about containers and pods. */

/** A pod, as the control plane knows it. */
export interface Pod {
  /** `metadata.uid` of the API where it is known, else the one in the cgroup path. */
  readonly uid: string
  /**
   * The uid in cgroup paths, with dashes. For a static pod it is the hash of the manifest
   * (annotation `kubernetes.io/config.hash`), for all others the same as `uid`.
   */
  readonly cgroupUid: string
  readonly name: string
  readonly namespace: string
  /** Those that the settings allow, by key. */
  readonly labels: ReadonlyMap<string, string>
  /** Those that the settings allow, by key. */
  readonly annotations: ReadonlyMap<string, string>
  /** The controller that made it, such as `{ kind: 'DaemonSet', name: 'fluent-bit' }`. */
  readonly owner?: { readonly kind: string; readonly name: string }
}

/** A container, as a source of names knows it. */
export interface Container {
  /** As in the cgroup path: 64 hexadecimal digits. */
  readonly id: string
  /** Name in the pod's specification, or the container's own; empty for a sandbox. */
  readonly name: string
  /** A sandbox holds a pod's namespaces (the pause container) and runs nothing of the user's. */
  readonly isSandbox: boolean
  /** `containerd`, `cri-o`, `docker` or `podman`. */
  readonly runtime?: string
  /** As the user wrote it, where the source knows that. */
  readonly image?: string
  /** Seconds since the epoch. */
  readonly startedAt?: number
  /** Undefined for a container that belongs to no pod. */
  readonly pod?: Pod
}

/** One complete picture of a node. */
export interface Listing {
  readonly containers: readonly Container[]
  /** All pods, those without a container among them. */
  readonly pods: readonly Pod[]
}

/** Where names come from. */
export interface NameSource {
  /** For logs, counters and `explain`: `cri`, `kubelet`, `kubernetes`, `docker` or `podman`. */
  readonly name: string
  /**
   * Asks for everything on this node.
   *
   * @throws Error that names the server, the request, the answer and the remedy; it holds no secrets.
   */
  list(signal: AbortSignal): Promise<Listing>
  /**
   * Only of a source that keeps its listing current between calls of `list`, as a watch does: how that goes. Whether
   * `list` succeeds says nothing then, for it gives the listing that is at hand.
   */
  observe?(observer: SourceObserver): void
  /**
   * Whether the containers that hold pods' namespaces (pause containers) are missing in listings: a container that stays
   * unknown in a pod that is known is one then.
   */
  readonly hidesSandboxes?: boolean
  /** Ends connections and watches; called once. */
  close(): void
}

/** Follows how a source is doing. */
export interface SourceObserver {
  /** A complete listing arrived. */
  listed(): void
  /** An attempt to list or to watch failed. Names become stale until `recovered`. */
  failed(error: Error): void
  /** Names are current again. Also called when nothing had failed. */
  recovered(): void
}

/** Which labels and annotations of pods are kept: all others are dropped where they arrive. */
export interface KeptKeys {
  readonly labels: ReadonlySet<string>
  readonly annotations: ReadonlySet<string>
}
