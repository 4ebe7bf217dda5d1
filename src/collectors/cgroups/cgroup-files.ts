/** The files that are read of each cgroup on this node: of cgroup v2 where it has the controller, otherwise of v1. */
import { readFileSync } from 'node:fs'
import type { LossySums } from '../../entities/continued-counters.ts'
import type { CgroupStats, DeviceIo } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { CgroupMounts } from '../../kernel/cgroupfs/mounts.ts'
import { CgroupReaderV1 } from '../../kernel/cgroupfs/reader-v1.ts'
import { CgroupReaderV2 } from '../../kernel/cgroupfs/reader-v2.ts'
import {
  parseBlkioBytes,
  parseCpuacctUsage,
  parseCpuUsage,
  parseIoBytes,
  parseMemoryUsage,
  parsePressureTotals,
  type UsageParser,
} from '../../kernel/cgroupfs/usage-files.ts'
import type { FileReader } from '../../kernel/file-reader.ts'
import { emptyPressure, type Pressure } from '../../kernel/psi.ts'
import { SAMPLED_FIGURES } from '../../recorder/figures.ts'

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

/** A file that is read of each cgroup every second. */
export interface SampledFile {
  /** Of the hierarchy that has it. */
  readonly root: string
  readonly name: string
  /** The place of its first value in a sample, and how many values it has. */
  readonly place: number
  readonly values: 1 | 2
  /** Whether its values only rise, and count what the cgroups below do. */
  readonly isCounter: boolean
  readonly parse: UsageParser
}

/** The files of a sample: those that are cheap to read and change every second; that of CPU time first. */
export function sampledFiles({ v2, v1 }: CgroupMounts): SampledFile[] {
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const files: SampledFile[] = []
  const add = (
    root: string | undefined,
    name: string,
    figure: (typeof SAMPLED_FIGURES)[number],
    values: 1 | 2,
    parse: UsageParser,
  ) => {
    if (root === undefined) return
    const place = SAMPLED_FIGURES.indexOf(figure)
    files.push({ root, name, place, values, isCounter: figure !== 'memory', parse })
  }
  if (v2 !== undefined) add(v2, 'cpu.stat', 'cpu', 1, parseCpuUsage)
  else add(v1.get('cpuacct'), 'cpuacct.usage', 'cpu', 1, parseCpuacctUsage)
  if (controllers.has('memory')) add(v2, 'memory.current', 'memory', 1, parseMemoryUsage)
  else add(v1.get('memory'), 'memory.usage_in_bytes', 'memory', 1, parseMemoryUsage)
  if (controllers.has('io')) add(v2, 'io.stat', 'read', 2, parseIoBytes)
  else {
    const name = 'blkio.throttle.io_service_bytes_recursive'
    add(v1.get('blkio'), name, 'read', 2, parseBlkioBytes)
  }
  add(v2, 'cpu.pressure', 'cpuSome', 2, parsePressureTotals)
  add(v2, 'memory.pressure', 'memorySome', 2, parsePressureTotals)
  add(v2, 'io.pressure', 'ioSome', 2, parsePressureTotals)
  return files
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
