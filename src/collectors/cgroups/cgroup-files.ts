/** The files that are read of each cgroup on this node: of cgroup v2 where it has the controller, otherwise of v1. */
import { readFileSync } from 'node:fs'
import type { LossySums } from '../../entities/continued-counters.ts'
import type { CgroupStats, DeviceIo } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { CgroupMounts } from '../../kernel/cgroupfs/mounts.ts'
import { CgroupReaderV1 } from '../../kernel/cgroupfs/reader-v1.ts'
import { CgroupReaderV2 } from '../../kernel/cgroupfs/reader-v2.ts'
import type { FileReader } from '../../kernel/file-reader.ts'
import { emptyPressure, type Pressure } from '../../kernel/psi.ts'

/** Resources for which the kernel measures pressure; `irq` since Linux 6.1. */
export const RESOURCES = ['cpu', 'memory', 'io', 'irq'] as const
/** A resource for which the kernel measures pressure. */
export type Resource = (typeof RESOURCES)[number]
/** Pressure of a cgroup or of the node, by resource. */
export type Pressures = Readonly<Record<Resource, Pressure>>

/** Everything that is read of a cgroup; overwritten by the next reading. */
export interface CgroupReading {
  readonly stats: CgroupStats
  readonly pressures: Pressures
  devices: readonly DeviceIo[]
}

/** A record without any pressure: every value is NaN. */
export function emptyPressures(): Pressures {
  return {
    cpu: emptyPressure(),
    memory: emptyPressure(),
    io: emptyPressure(),
    irq: emptyPressure(),
  }
}

/** A file of a cgroup, or several that are read together. */
export interface CgroupFile {
  /** Its name in the collector's own metrics. */
  readonly file: string
  /** @param path of the cgroup below the root of its hierarchy. */
  readonly read: (path: string, into: CgroupReading) => void
}

/**
 * The files of a collection.
 *
 * @param fileReader reads them.
 */
export function cgroupFiles(
  { v2, v1 }: CgroupMounts,
  ticksPerSecond: number,
  fileReader: FileReader,
): CgroupFile[] {
  const files: CgroupFile[] = []
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const second = new CgroupReaderV2(fileReader)
  if (v2 !== undefined) {
    files.push(...pressureFiles(second, v2), ...cpuFiles(second, v2, controllers.has('cpu')))
  }
  const first = new CgroupReaderV1(ticksPerSecond, fileReader)
  const older = (controller: string, file: string, read: V1Read) => {
    const root = v1.get(controller)
    if (root === undefined) return
    files.push({ file, read: (path, into) => read(first, `${root}${path}/`, into) })
  }
  if (v2 === undefined) {
    older('cpuacct', 'cpuacct.usage', (reader, path, { stats }) => reader.cpu(path, stats))
  }
  if (!controllers.has('cpu')) {
    older('cpu', 'cpu.cfs_quota_us', (reader, path, { stats }) => reader.throttling(path, stats))
  }
  if (v2 !== undefined && controllers.has('memory')) {
    files.push(...memoryFiles(second, v2))
  } else {
    older('memory', 'memory.usage_in_bytes', (reader, path, { stats }) =>
      reader.memory(path, stats),
    )
    older('memory', 'memory.oom_control', (reader, path, { stats }) => reader.oomKills(path, stats))
  }
  if (v2 !== undefined && controllers.has('io')) {
    files.push({ file: 'io.stat', read: (path, into) => readIo(second, v2, path, into) })
  } else {
    older('blkio', 'blkio.throttle.io_service_bytes_recursive', (reader, path, into) => {
      into.devices = reader.io(path)
    })
  }
  if (v2 !== undefined && controllers.has('pids')) files.push(...taskFiles(second, v2))
  else older('pids', 'pids.current', (reader, path, { stats }) => reader.tasks(path, stats))
  return files
}

/** Which counters the kernel adds up over the cgroups below when they are read. */
export function lossySums({ v2 }: CgroupMounts): LossySums {
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const lossy = (controller: string) =>
    controllers.has(controller) ? undefined : { losesRemoved: false }
  return { faults: lossy('memory'), devices: lossy('io') }
}

/**
 * The files of a sample: those that are cheap to read and change every second.
 *
 * @param fileReader reads them.
 */
export function sampledCgroupFiles(
  { v2, v1 }: CgroupMounts,
  ticksPerSecond: number,
  fileReader: FileReader,
): Readonly<Record<'cpu' | 'usage', readonly CgroupFile[]>> {
  const second = new CgroupReaderV2(fileReader)
  const first = new CgroupReaderV1(ticksPerSecond, fileReader)
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const older = (controller: string, file: string, read: V1Read): CgroupFile[] => {
    const root = v1.get(controller)
    return root === undefined
      ? []
      : [{ file, read: (path, into) => read(first, `${root}${path}/`, into) }]
  }
  const cpu =
    v2 === undefined
      ? older('cpuacct', 'cpuacct.usage', (reader, path, { stats }) => reader.cpu(path, stats))
      : cpuFiles(second, v2, false)
  const memory: CgroupFile[] =
    v2 !== undefined && controllers.has('memory')
      ? [
          {
            file: 'memory.current',
            read: (path, { stats }) => second.memoryUsage(`${v2}${path}/`, stats),
          },
        ]
      : older('memory', 'memory.usage_in_bytes', (reader, path, { stats }) =>
          reader.memoryUsage(path, stats),
        )
  const io: CgroupFile[] =
    v2 !== undefined && controllers.has('io')
      ? [{ file: 'io.stat', read: (path, into) => readIo(second, v2, path, into) }]
      : older('blkio', 'blkio.throttle.io_service_bytes_recursive', (reader, path, into) => {
          into.devices = reader.io(path)
        })
  const pressure =
    v2 === undefined ? [] : pressureFiles(second, v2).filter(({ file }) => file !== 'irq.pressure')
  return { cpu, usage: [...cpu, ...memory, ...io, ...pressure] }
}

function readIo(reader: CgroupReaderV2, root: string, path: string, into: CgroupReading): void {
  into.devices = reader.io(`${root}${path}/`)
}

type V1Read = (reader: CgroupReaderV1, directory: string, into: CgroupReading) => void

function controllersOf(root: string): Set<string> {
  try {
    return new Set(readFileSync(`${root}/cgroup.controllers`, 'utf8').trim().split(' '))
  } catch {
    return new Set()
  }
}

function pressureFiles(reader: CgroupReaderV2, root: string): CgroupFile[] {
  return RESOURCES.map((resource) => ({
    file: `${resource}.pressure`,
    read: (path, { pressures }) =>
      reader.pressure(`${root}${path}/${resource}.pressure`, pressures[resource]),
  }))
}

function cpuFiles(reader: CgroupReaderV2, root: string, hasController: boolean): CgroupFile[] {
  const usage: CgroupFile = {
    file: 'cpu.stat',
    read: (path, { stats }) => reader.cpu(`${root}${path}/`, stats),
  }
  const limit: CgroupFile = {
    file: 'cpu.max',
    read: (path, { stats }) => reader.cpuLimit(`${root}${path}/`, stats),
  }
  return hasController ? [usage, limit] : [usage]
}

function memoryFiles(reader: CgroupReaderV2, root: string): CgroupFile[] {
  return [
    {
      file: 'memory.stat',
      read: (path, { stats }) => reader.memory(`${root}${path}/`, stats),
    },
    {
      file: 'memory.max',
      read: (path, { stats }) => reader.memoryLimit(`${root}${path}/`, stats),
    },
    {
      file: 'memory.swap.current',
      read: (path, { stats }) => reader.swap(`${root}${path}/`, stats),
    },
    {
      file: 'memory.events',
      read: (path, { stats }) => reader.memoryEvents(`${root}${path}/`, stats),
    },
  ]
}

function taskFiles(reader: CgroupReaderV2, root: string): CgroupFile[] {
  return [
    {
      file: 'pids.current',
      read: (path, { stats }) => reader.tasks(`${root}${path}/`, stats),
    },
    {
      file: 'pids.max',
      read: (path, { stats }) => reader.tasksLimit(`${root}${path}/`, stats),
    },
  ]
}
