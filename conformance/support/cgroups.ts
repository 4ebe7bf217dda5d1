/** Cgroups of a check's own. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Scope } from './children.ts'

/** The mount of cgroup v2: beside the hierarchies of v1, or alone. */
const CGROUP2 = existsSync('/sys/fs/cgroup/unified/cgroup.procs')
  ? '/sys/fs/cgroup/unified'
  : '/sys/fs/cgroup'

/** Makes a cgroup, with those above it; they are removed at the end, when nobody is in them. */
function makeCgroup(scope: Scope, path: string): string {
  const directory = join(CGROUP2, path)
  const missing: string[] = []
  for (let above = directory; !existsSync(above); above = dirname(above)) missing.push(above)
  mkdirSync(directory, { recursive: true })
  scope.onEnd(() => {
    for (const each of missing) rmdirSync(each)
  })
  return directory
}

/** Puts a process into a cgroup, and ends it before the cgroup is removed. */
export function intoCgroup(scope: Scope, pid: number, path: string): void {
  const directory = makeCgroup(scope, path)
  scope.onEnd(async () => {
    process.kill(pid, 'SIGKILL')
    while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 10))
  })
  writeFileSync(join(directory, 'cgroup.procs'), String(pid))
}
