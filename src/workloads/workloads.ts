/** Who a process or cgroup belongs to: what its path says, and the names that are known for that. */
import { type CgroupOwner, cgroupOwner } from './cgroup-path.ts'
import type { Directory } from './directory.ts'
import type { Container, Pod } from './names.ts'
import { hostPath, processCgroup } from './process-cgroup.ts'

export interface Workload {
  readonly owner: CgroupOwner
  readonly container: Container | undefined
  readonly pod: Pod | undefined
  /** Whether the container or pod has a name that is not known yet. */
  readonly isUnnamed: boolean
}

/** Milliseconds for which a collection waits for names of what is new. A runtime on the node takes some 10. */
const PATIENCE = 250

export class Workloads {
  readonly #directory: Directory
  readonly #ownPath: string | undefined

  /** @param ownPath the agent's own cgroup on the host, where it is in a cgroup namespace of its own. */
  constructor(directory: Directory, ownPath: string | undefined) {
    this.#directory = directory
    this.#ownPath = ownPath
  }

  /** Rises whenever names change. */
  get version(): number {
    return this.#directory.version
  }

  /** @param lines of `/proc/PID/cgroup`. */
  ownerOfProcess(lines: readonly string[]): CgroupOwner {
    return cgroupOwner(hostPath(processCgroup(lines) ?? '/', this.#ownPath))
  }

  /** Waits a moment for names that were asked for just now, so that what is new has them from its first collection on. */
  settle(): Promise<void> {
    return this.#directory.settle(PATIENCE)
  }

  /** The names that are known now; those that aren't are looked up in the background. */
  name(owner: CgroupOwner): Workload {
    const { containerId, podUid } = owner
    const container =
      containerId === undefined ? undefined : this.#directory.container(containerId, podUid)
    const pod = container?.pod ?? (podUid === undefined ? undefined : this.#directory.pod(podUid))
    const isUnnamed =
      (containerId !== undefined && container === undefined) ||
      (podUid !== undefined && pod === undefined)
    return { owner, container, pod, isUnnamed }
  }
}
