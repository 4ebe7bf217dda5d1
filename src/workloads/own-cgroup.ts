/**
 * Finds the agent's own cgroup in the host's tree: a reader in a cgroup namespace sees all paths relative to it,
 * cgroup_namespaces(7).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A node with more cgroups than this is not searched to its end. */
const MAX_DIRECTORIES = 50_000

/**
 * The path whose `cgroup.procs` names the process.
 *
 * @param root a mount of the host's cgroup tree.
 * @returns undefined when no directory has it.
 */
export function findOwnCgroup(root: string, pid = process.pid): string | undefined {
  const queue = ['']
  const line = new RegExp(`^${pid}$`, 'm')
  for (let index = 0; index < queue.length && index < MAX_DIRECTORIES; index++) {
    const path = queue[index]
    try {
      if (line.test(readFileSync(join(root, path, 'cgroup.procs'), 'utf8'))) return path || '/'
      for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
        if (entry.isDirectory()) queue.push(`${path}/${entry.name}`)
      }
    } catch {
      // It has gone meanwhile, or can't be seen.
    }
  }
  return undefined
}
