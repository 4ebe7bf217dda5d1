/** Cgroups made for a test, in the mount of cgroup v2. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** Beside the hierarchies of v1, or alone; undefined where there is none. */
export const CGROUP2 = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((root) =>
  existsSync(join(root, 'cgroup.subtree_control')),
)

/** Why no cgroup can be made here; undefined where one can. */
export function noCgroups(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (CGROUP2 === undefined) return 'needs cgroup v2'
  return undefined
}

let count = 0

/** Makes a cgroup with the directories below it that are named; gives its path below the mount. */
export function makeCgroup(t: ExecutionContext, ...below: string[]): string {
  const path = `/otel-interrogator-test-${process.pid}-${count++}`
  const directories = [path, ...below.map((name) => `${path}/${name}`)]
  for (const directory of directories) mkdirSync(join(CGROUP2 as string, directory))
  t.teardown(() => {
    for (const directory of directories.reverse()) rmdirSync(join(CGROUP2 as string, directory))
  })
  return path
}

/** Waits for a line, then becomes the program. */
const WAIT = 'read -r _; exec "$@" < /dev/null'

/** Starts a program in a cgroup: it does nothing before it is there. It ends before the cgroup is removed. */
export async function spawnInCgroup(
  t: ExecutionContext,
  path: string,
  command: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', WAIT, 'sh', command, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await once(child, 'spawn')
  writeFileSync(join(CGROUP2 as string, path, 'cgroup.procs'), String(child.pid))
  child.stdin?.end('\n')
  return child
}
