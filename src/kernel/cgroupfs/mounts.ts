/** Where cgroup hierarchies are mounted: proc_pid_mountinfo(5), cgroups(7). */
import { readdirSync, readFileSync } from 'node:fs'
import { exists } from '../exists.ts'

/** Mount points of cgroup hierarchies. */
export interface CgroupMounts {
  /** The mount of cgroup v2: alone, or beside those of v1; undefined where there is none. */
  readonly v2: string | undefined
  /** The mounts of v1, by controller. */
  readonly v1: ReadonlyMap<string, string>
}

/** Mount options of v1 that are not controllers. */
const NO_CONTROLLERS = new Set(['rw', 'ro', 'relatime', 'xattr', 'none', 'clone_children'])

/**
 * The mounts that lie at or below `root`, which is `/sys/fs/cgroup` or wherever that of the node is mounted.
 *
 * A tree that is no mount of its own, such as a copy or a directory inside of a mount, is recognised by its files.
 *
 * @throws NodeJS.ErrnoException when the mounts of the agent can't be read.
 */
export function findCgroupMounts(root: string, mountinfo = '/proc/self/mountinfo'): CgroupMounts {
  const mounts = parseMounts(readFileSync(mountinfo, 'utf8'), root)
  return mounts.v2 === undefined && mounts.v1.size === 0 ? findCgroupTrees(root) : mounts
}

/**
 * Finds hierarchies by their files: cgroup v2 has `cgroup.controllers` in its root, a hierarchy of v1 `cgroup.procs` in
 * a directory that is named by its controllers, such as `cpu,cpuacct`.
 */
function findCgroupTrees(root: string): CgroupMounts {
  const isV2 = (directory: string) => exists(`${directory}/cgroup.controllers`)
  const v2 = [root, `${root}/unified`].find(isV2)
  const v1 = new Map<string, string>()
  if (v2 === root) return { v2, v1 }
  for (const entry of exists(root) ? readdirSync(root) : []) {
    const directory = `${root}/${entry}`
    if (directory === v2 || !exists(`${directory}/cgroup.procs`)) continue
    for (const controller of entry.split(',')) v1.set(controller, directory)
  }
  return { v2, v1 }
}

/** Finds the mount points of cgroup hierarchies at or below `root` in the text of a `mountinfo` file. */
export function parseMounts(text: string, root: string): CgroupMounts {
  let v2: string | undefined
  const v1 = new Map<string, string>()
  for (const line of text.split('\n')) {
    // … root, mount point, options, optional fields, "-", type, source, super options.
    const [left, right] = line.split(' - ')
    if (right === undefined) continue
    const path = decodeOctal(left.split(' ')[4] ?? '')
    if (path !== root && !path.startsWith(`${root}/`)) continue
    const [type, , options = ''] = right.split(' ')
    if (type === 'cgroup2') {
      v2 ??= path
    } else if (type === 'cgroup') {
      for (const controller of options.split(',')) {
        if (!NO_CONTROLLERS.has(controller)) v1.set(controller, path)
      }
    }
  }
  return { v2, v1 }
}

/** The kernel writes blanks and backslashes in octal. */
function decodeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}
