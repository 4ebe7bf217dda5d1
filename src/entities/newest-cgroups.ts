/** One cgroup of each container and pod. */
import { ownerKey } from '../workloads/cgroup-path.ts'
import type { KnownCgroup } from './known-cgroup.ts'

/**
 * Keeps one cgroup of each container and pod, since all would have the same series. There are several after the kubelet has
 * changed its cgroup driver: the newest is kept, which has the highest inode. An older one is not measured again when the newest
 * has gone, for its counters began before the last values of the series.
 */
export class NewestCgroups {
  readonly #superseded = new WeakSet<KnownCgroup>()

  /** @param found all that are there, several of one container included. */
  of(found: Iterable<KnownCgroup>): KnownCgroup[] {
    const newest = new Map<string, KnownCgroup>()
    for (const cgroup of found) {
      if (this.#superseded.has(cgroup)) continue
      const { level, owner } = cgroup.selected
      const key = level === 'cgroup' ? cgroup.path : `${level} ${ownerKey(owner)}`
      const other = newest.get(key)
      const isNewest = other === undefined || other.inode < cgroup.inode
      if (isNewest) newest.set(key, cgroup)
      const older = isNewest ? other : cgroup
      if (older !== undefined) this.#superseded.add(older)
    }
    return [...newest.values()]
  }
}
