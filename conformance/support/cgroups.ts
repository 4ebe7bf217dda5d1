/** Cgroups of a check's own. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from './children.ts'

/** The mount of cgroup v2: beside the hierarchies of v1, or alone. */
export const CGROUP2 = existsSync('/sys/fs/cgroup/unified/cgroup.procs')
  ? '/sys/fs/cgroup/unified'
  : '/sys/fs/cgroup'

/**
 * Makes a cgroup, with those above it; at the end it is removed, and the processes in it killed (cgroup.kill, Linux 5.14;
 * in a hierarchy of v1 they must have ended before). Those above go with it, unless another check has cgroups in them.
 */
export function makeCgroup(scope: Pick<Scope, 'onEnd'>, path: string, root = CGROUP2): string {
  const directory = join(root, path)
  const missing: string[] = []
  for (let above = directory; !existsSync(above); above = dirname(above)) missing.push(above)
  mkdirSync(directory, { recursive: true })
  scope.onEnd(async () => {
    if (missing.length > 0 && root === CGROUP2) {
      writeFileSync(join(directory, 'cgroup.kill'), '1')
    }
    for (const each of missing) {
      if (each !== directory && hasCgroups(each)) return
      while (isPopulated(each)) await delay(10)
      try {
        rmdirSync(each)
      } catch (error) {
        // Another check was faster than this look.
        if (each === directory || !hasCgroups(each)) throw error
        return
      }
    }
  })
  return directory
}

function hasCgroups(directory: string): boolean {
  return readdirSync(directory, { withFileTypes: true }).some((entry) => entry.isDirectory())
}

function isPopulated(directory: string): boolean {
  const events = join(directory, 'cgroup.events')
  return existsSync(events)
    ? readFileSync(events, 'utf8').includes('populated 1')
    : readFileSync(join(directory, 'cgroup.procs'), 'utf8') !== ''
}

/** Moves a process into a cgroup; it is killed when the cgroup is removed. */
export function intoCgroup(scope: Scope, pid: number, path: string): void {
  writeFileSync(join(makeCgroup(scope, path), 'cgroup.procs'), String(pid))
}
