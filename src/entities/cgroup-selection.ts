/** Which cgroups are measured: containers, pods, the slices of the node, and those that are asked for. */
import { compilePathGlob } from '../lib/globs/path-glob.ts'
import type { WholeMatch } from '../lib/re2.ts'
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

/** Compiles the patterns of `cgroups.include`, such as `system.slice/*`; a slash at their beginning may be left out. */
export function compileInclude(patterns: readonly string[]): WholeMatch[] {
  return patterns.map((pattern) => compilePathGlob(pattern.replace(/^\/?/, '/')))
}

/**
 * Says whether a cgroup is measured, and as what.
 *
 * @param path of the cgroup below the root of the hierarchy, with a slash at its beginning; '' for the root.
 * @param include patterns of further cgroups.
 * @returns undefined for a cgroup that is not measured.
 */
export function select(path: string, include: readonly WholeMatch[]): Selected | undefined {
  const owner = cgroupOwner(path)
  if (owner.containerPath === path) return { level: 'container', owner }
  if (owner.podPath === path) return { level: 'pod', owner }
  if (owner.scope !== 'host' || path === '') return undefined
  const isWanted = NODE_SLICE.test(path) || include.some((pattern) => pattern.test(path))
  return isWanted ? { level: 'cgroup', owner } : undefined
}
