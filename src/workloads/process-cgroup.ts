/** The one of a process's cgroups that identifies its container or pod: proc_pid_cgroup(5), cgroups(7). */

/** `hierarchy:controllers:path`; the path may hold colons itself. */
const LINE = /^\d+:([^:]*):(\/.*)$/
/** Hierarchies that a runtime puts a container into, in the order of trust; '' is cgroup v2. */
const ORDER = ['', 'memory', 'cpu', 'cpuacct', 'pids', 'name=systemd']
const DELETED = / \(deleted\)$/
/** A pod's path, or a container's. */
const TELLING = /pod[0-9a-f]{8}|[0-9a-f]{64}|lxc|garden|\/ecs\//

/**
 * The most specific path: on a hybrid node the v2 line may be only the unit of systemd.
 *
 * @param lines of `/proc/PID/cgroup`.
 * @returns undefined when no line is one.
 */
export function processCgroup(lines: readonly string[]): string | undefined {
  const paths = new Map<string, string>()
  for (const line of lines) {
    const [, controllers, path] = LINE.exec(line) ?? []
    if (path === undefined) continue
    for (const controller of controllers.split(','))
      paths.set(controller, path.replace(DELETED, ''))
  }
  const candidates = ORDER.flatMap((controller) => paths.get(controller) ?? [])
  return (
    candidates.find((path) => path.includes('kubepods')) ??
    candidates.find((path) => TELLING.test(path)) ??
    candidates.find((path) => path !== '/') ??
    candidates[0]
  )
}

/**
 * A path as the host sees it. A process in a cgroup namespace sees others relative to its own cgroup, with `..` for
 * every level above.
 *
 * @param own the path of the reader's own cgroup on the host; undefined where it isn't known, then only what
 *   follows the `..` is left.
 */
export function hostPath(path: string, own: string | undefined): string {
  if (!path.startsWith('/..')) return own === undefined || own === '/' ? path : join(own, path)
  const base = own === undefined ? [] : own.split('/').filter((part) => part !== '')
  const rest = path.split('/').filter((part) => part !== '')
  let ups = 0
  while (rest[ups] === '..') ups++
  const kept = base.slice(0, Math.max(0, base.length - ups))
  return `/${[...kept, ...rest.slice(ups)].join('/')}`
}

function join(own: string, path: string): string {
  return path === '/' ? own : own + path
}
