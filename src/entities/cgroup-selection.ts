/** Which cgroups are measured: containers, pods, the slices of the node, and those that are asked for. */
import { matchesGlob } from 'node:path'
import { type CgroupOwner, cgroupOwner } from '../workloads/cgroup-path.ts'

/** What a measured cgroup is: the cgroup of a container, that of a pod, or any other one. */
export type Level = 'container' | 'pod' | 'cgroup'

/** A measured cgroup's level, and the container, pod or host that owns it. */
export interface Selected {
  readonly level: Level
  readonly owner: CgroupOwner
}

/** The slices of systemd at the top, and those that the kubelet makes for all pods and for each QoS class. */
const NODE_SLICE =
  /^\/(?:[\w-]+\.slice|kubepods|kubepods\/(?:burstable|besteffort)|(?:.*\/)?kubepods\.slice\/kubepods-(?:burstable|besteffort)\.slice)$/

/**
 * @param include patterns of further paths, without the slash at the beginning, such as `system.slice/*`.
 * @returns undefined for a cgroup that is not measured.
 */
export function select(path: string, include: readonly string[]): Selected | undefined {
  const owner = cgroupOwner(path)
  if (owner.containerPath === path) return { level: 'container', owner }
  if (owner.podPath === path) return { level: 'pod', owner }
  if (owner.scope !== 'host' || path === '') return undefined
  const isWanted =
    NODE_SLICE.test(path) || include.some((pattern) => matchesGlob(path.slice(1), pattern))
  return isWanted ? { level: 'cgroup', owner } : undefined
}
