/** Which files say what of a cgroup on this node: those of v2 where it has the controller, else those of v1. */
import { readFileSync } from 'node:fs'
import type { LossySums } from '../../entities/continued-counters.ts'
import type { CgroupFigures, DeviceIo } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { CgroupMounts } from '../../kernel/cgroupfs/mounts.ts'
import { CgroupReaderV1 } from '../../kernel/cgroupfs/reader-v1.ts'
import { CgroupReaderV2 } from '../../kernel/cgroupfs/reader-v2.ts'
import type { FileReader } from '../../kernel/file-reader.ts'
import { emptyPressure, type Pressure } from '../../kernel/psi.ts'

export const RESOURCES = ['cpu', 'memory', 'io', 'irq'] as const
export type Resource = (typeof RESOURCES)[number]
export type Pressures = Readonly<Record<Resource, Pressure>>

/** Everything that is read of a cgroup; overwritten by the next one. */
export interface Reading {
  readonly figures: CgroupFigures
  readonly pressures: Pressures
  devices: readonly DeviceIo[]
}

export function emptyPressures(): Pressures {
  return {
    cpu: emptyPressure(),
    memory: emptyPressure(),
    io: emptyPressure(),
    irq: emptyPressure(),
  }
}

/** One file, or files that belong together. */
export interface Step {
  /** As metrics of the reading name it. */
  readonly file: string
  /** @param path of the cgroup below the root of its hierarchy. */
  readonly read: (path: string, into: Reading) => void
}

/**
 * The steps for each cgroup of the node.
 *
 * @param files reads the files.
 */
export function planSteps(
  { v2, v1 }: CgroupMounts,
  ticksPerSecond: number,
  files: FileReader,
): Step[] {
  const steps: Step[] = []
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const second = new CgroupReaderV2(files)
  if (v2 !== undefined) {
    steps.push(...pressureSteps(second, v2), ...cpuSteps(second, v2, controllers.has('cpu')))
  }
  const first = new CgroupReaderV1(ticksPerSecond, files)
  const older = (controller: string, file: string, read: V1Read) => {
    const root = v1.get(controller)
    if (root === undefined) return
    steps.push({ file, read: (path, into) => read(first, `${root}${path}/`, into) })
  }
  if (v2 === undefined) {
    older('cpuacct', 'cpuacct.usage', (reader, path, { figures }) => reader.cpu(path, figures))
  }
  if (!controllers.has('cpu')) {
    older('cpu', 'cpu.cfs_quota_us', (reader, path, { figures }) =>
      reader.throttling(path, figures),
    )
  }
  if (v2 !== undefined && controllers.has('memory')) {
    steps.push(...memorySteps(second, v2))
  } else {
    older('memory', 'memory.usage_in_bytes', (reader, path, { figures }) =>
      reader.memory(path, figures),
    )
    older('memory', 'memory.oom_control', (reader, path, { figures }) =>
      reader.oomKills(path, figures),
    )
  }
  if (v2 !== undefined && controllers.has('io')) {
    steps.push({ file: 'io.stat', read: (path, into) => readIo(second, v2, path, into) })
  } else {
    older('blkio', 'blkio.throttle.io_service_bytes_recursive', (reader, path, into) => {
      into.devices = reader.io(path)
    })
  }
  if (v2 !== undefined && controllers.has('pids')) steps.push(...taskSteps(second, v2))
  else older('pids', 'pids.current', (reader, path, { figures }) => reader.tasks(path, figures))
  return steps
}

/** Which counters of the steps are added up by the kernel when they are read. */
export function lossySums({ v2 }: CgroupMounts): LossySums {
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const lossy = (controller: string) =>
    controllers.has(controller) ? undefined : { losesRemoved: false }
  return { faults: lossy('memory'), devices: lossy('io') }
}

/**
 * The steps of a sample: what changes from second to second, of the files that are cheap to read.
 *
 * @param files reads the files.
 */
export function planSamples(
  { v2, v1 }: CgroupMounts,
  ticksPerSecond: number,
  files: FileReader,
): Readonly<Record<'cpu' | 'usage', readonly Step[]>> {
  const second = new CgroupReaderV2(files)
  const first = new CgroupReaderV1(ticksPerSecond, files)
  const controllers = v2 === undefined ? new Set<string>() : controllersOf(v2)
  const older = (controller: string, file: string, read: V1Read): Step[] => {
    const root = v1.get(controller)
    return root === undefined
      ? []
      : [{ file, read: (path, into) => read(first, `${root}${path}/`, into) }]
  }
  const cpu =
    v2 === undefined
      ? older('cpuacct', 'cpuacct.usage', (reader, path, { figures }) => reader.cpu(path, figures))
      : cpuSteps(second, v2, false)
  const memory: Step[] =
    v2 !== undefined && controllers.has('memory')
      ? [
          {
            file: 'memory.current',
            read: (path, { figures }) => second.memoryUsage(`${v2}${path}/`, figures),
          },
        ]
      : older('memory', 'memory.usage_in_bytes', (reader, path, { figures }) =>
          reader.memoryUsage(path, figures),
        )
  const io: Step[] =
    v2 !== undefined && controllers.has('io')
      ? [{ file: 'io.stat', read: (path, into) => readIo(second, v2, path, into) }]
      : older('blkio', 'blkio.throttle.io_service_bytes_recursive', (reader, path, into) => {
          into.devices = reader.io(path)
        })
  const pressure =
    v2 === undefined ? [] : pressureSteps(second, v2).filter(({ file }) => file !== 'irq.pressure')
  return { cpu, usage: [...cpu, ...memory, ...io, ...pressure] }
}

function readIo(reader: CgroupReaderV2, root: string, path: string, into: Reading): void {
  into.devices = reader.io(`${root}${path}/`)
}

type V1Read = (reader: CgroupReaderV1, directory: string, into: Reading) => void

function controllersOf(root: string): Set<string> {
  try {
    return new Set(readFileSync(`${root}/cgroup.controllers`, 'utf8').trim().split(' '))
  } catch {
    return new Set()
  }
}

function pressureSteps(reader: CgroupReaderV2, root: string): Step[] {
  return RESOURCES.map((resource) => ({
    file: `${resource}.pressure`,
    read: (path, { pressures }) =>
      reader.pressure(`${root}${path}/${resource}.pressure`, pressures[resource]),
  }))
}

function cpuSteps(reader: CgroupReaderV2, root: string, hasController: boolean): Step[] {
  const usage: Step = {
    file: 'cpu.stat',
    read: (path, { figures }) => reader.cpu(`${root}${path}/`, figures),
  }
  const limit: Step = {
    file: 'cpu.max',
    read: (path, { figures }) => reader.cpuLimit(`${root}${path}/`, figures),
  }
  return hasController ? [usage, limit] : [usage]
}

function memorySteps(reader: CgroupReaderV2, root: string): Step[] {
  return [
    {
      file: 'memory.stat',
      read: (path, { figures }) => reader.memory(`${root}${path}/`, figures),
    },
    {
      file: 'memory.max',
      read: (path, { figures }) => reader.memoryLimit(`${root}${path}/`, figures),
    },
    {
      file: 'memory.swap.current',
      read: (path, { figures }) => reader.swap(`${root}${path}/`, figures),
    },
    {
      file: 'memory.events',
      read: (path, { figures }) => reader.memoryEvents(`${root}${path}/`, figures),
    },
  ]
}

function taskSteps(reader: CgroupReaderV2, root: string): Step[] {
  return [
    {
      file: 'pids.current',
      read: (path, { figures }) => reader.tasks(`${root}${path}/`, figures),
    },
    {
      file: 'pids.max',
      read: (path, { figures }) => reader.tasksLimit(`${root}${path}/`, figures),
    },
  ]
}
