/** Limits of a container that a CRI can't be told on every node. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CGROUP2 } from '../support/cgroups.ts'

/** Bounds the threads of a process's container. */
export function limitTasks(pid: number, most: number): void {
  const directory = hierarchyOf(pid, 'pids') ?? join(CGROUP2, pathOf(pid, ''))
  writeFileSync(join(directory, 'pids.max'), String(most))
}

/**
 * Bounds what a process's container writes to the disk that a file is on: cgroup v1 counts storage only where there is
 * a bound, v2 always.
 */
export function limitWrites(pid: number, file: string, bytesPerSecond: number): void {
  const directory = hierarchyOf(pid, 'blkio')
  if (directory === undefined) return
  const limit = `${diskOf(file)} ${bytesPerSecond}`
  writeFileSync(join(directory, 'blkio.throttle.write_bps_device'), limit)
}

/** The numbers of the disk, which is what can be bounded, not a part of it. */
function diskOf(file: string): string {
  const { dev } = statSync(file)
  // MAJOR and MINOR of glibc's sys/sysmacros.h, for the numbers that disks have.
  const node = `/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`
  const disk = existsSync(join(node, 'partition')) ? join(node, '..', 'dev') : join(node, 'dev')
  return readFileSync(disk, 'utf8').trim()
}

/** Its cgroup in a hierarchy of v1; undefined where the controller has none. */
function hierarchyOf(pid: number, controller: string): string | undefined {
  const root = `/sys/fs/cgroup/${controller}`
  return existsSync(join(root, 'cgroup.procs')) ? join(root, pathOf(pid, controller)) : undefined
}

/** @param controller of cgroup v1, or nothing for v2. */
function pathOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const fields = lines.map((line) => line.split(':'))
  return fields.find(([, controllers]) => controllers === controller)?.[2] ?? ''
}
