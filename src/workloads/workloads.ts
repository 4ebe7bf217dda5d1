/** The workload (container or pod) of a process or cgroup: ids by its path, and the names that are known for them. */
import { type CgroupOwner, cgroupOwner } from './cgroup-path.ts'
import type { NameResolver } from './name-resolver.ts'
import type { Container, Pod } from './names.ts'
import { hostPath, processCgroup } from './process-cgroup.ts'

/** A container, pod or the host, with the names that are known now. */
export interface Workload {
  readonly owner: CgroupOwner
  readonly container: Container | undefined
  readonly pod: Pod | undefined
  /** Whether the container or pod has a name that is not known yet. */
  readonly isUnnamed: boolean
}

/** Milliseconds for which a collection waits for the names of new workloads. A runtime on the node takes some 10. */
const PATIENCE = 250

/** Finds the workload of a process or cgroup. */
export class Workloads {
  readonly #resolver: NameResolver
  readonly #ownPath: string | undefined
  /** The last lines of a process, and the owner that they tell: processes of one owner often follow one another. */
  #lines: readonly string[] = []
  #owner: CgroupOwner | undefined

  /** @param ownPath the agent's own cgroup on the host, where it is in a cgroup namespace of its own. */
  constructor(resolver: NameResolver, ownPath: string | undefined) {
    this.#resolver = resolver
    this.#ownPath = ownPath
  }

  /** Rises whenever names change. */
  get version(): number {
    return this.#resolver.version
  }

  /** @param lines of `/proc/PID/cgroup`. */
  ownerOfProcess(lines: readonly string[]): CgroupOwner {
    if (this.#owner === undefined || lines !== this.#lines) {
      this.#lines = lines
      this.#owner = cgroupOwner(hostPath(processCgroup(lines) ?? '/', this.#ownPath))
    }
    return this.#owner
  }

  /** Waits up to 250 ms for names that were asked for just now: a new workload has them from its first collection on. */
  settle(): Promise<void> {
    return this.#resolver.settle(PATIENCE)
  }

  /** The names that are known now; those that aren't are looked up in the background. */
  name(owner: CgroupOwner): Workload {
    const { containerId, podUid } = owner
    const container =
      containerId === undefined ? undefined : this.#resolver.container(containerId, podUid)
    const pod = container?.pod ?? (podUid === undefined ? undefined : this.#resolver.pod(podUid))
    const isUnnamed =
      (containerId !== undefined && container === undefined) ||
      (podUid !== undefined && pod === undefined)
    return { owner, container, pod, isUnnamed }
  }
}
