/** The facts of a process that rules and name templates use. */
import type { Workload } from '../../../workloads/workloads.ts'

/** The facts of a process that rules and name templates use. Functions read a file when they are called. */
export interface ProcessFacts {
  /** The task's own name, of at most 15 bytes for ordinary programs. */
  readonly comm: string
  /** The command line, argument by argument; empty for kernel threads and zombies. */
  readonly argv: readonly string[]
  readonly pid: number
  readonly ppid: number
  /** Start in milliseconds since the epoch. */
  readonly startTime: number
  /** Name of the effective user. */
  readonly username: () => string
  /** Id of the effective user. */
  readonly uid: () => number
  /** Name of the parent's task; undefined where it has none or has ended. */
  readonly parent: () => string | undefined
  /** Paths of the cgroups, in the order of `/proc/PID/cgroup`. */
  readonly cgroups: () => readonly string[]
  /** The container and pod it runs in, as far as they are known now; undefined where its cgroup can't be read. */
  readonly workload: () => Workload | undefined
  /** Name of the file that the process executes; `comm` where that can't be seen. */
  readonly program: () => string
  /** Path of the file that the process executes; undefined for kernel threads and where it can't be seen. */
  readonly exePath: () => string | undefined
}

/** Go's filepath.Base: what follows the last slash, trailing slashes apart. */
export function baseName(path: string): string {
  if (path === '') return '.'
  const trimmed = path.replace(/\/+$/, '')
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1)
}
