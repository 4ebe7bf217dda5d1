/** Reads the facts that rules and name templates use. Each is read when a rule needs it. */
import { posix } from 'node:path'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import { emptyStat } from '../../../kernel/procfs/stat.ts'
import { emptyStatus } from '../../../kernel/procfs/status.ts'
import { cgroupPaths as parseCgroupPaths } from '../../../kernel/procfs/text.ts'
import type { Workload } from '../../../workloads/workloads.ts'
import type { WorkloadOwnership } from '../account/workload-ownership.ts'
import type { ClassifiedProcess } from '../track/known-process.ts'
import type { ProcessFacts } from './facts.ts'

/** What the facts of a process are read from. */
export interface FactSources {
  readonly procfs: Procfs
  /** Seconds since the epoch. */
  readonly bootTime: number
  readonly ticksPerSecond: number
  readonly username: (uid: number) => string
  /** Undefined in strict mode, where rules have no workload selectors. */
  readonly ownership?: WorkloadOwnership
}

/**
 * The facts of one process, read from procfs.
 *
 * @param argv the command line, read before.
 */
export function processFacts(
  sources: FactSources,
  process: ClassifiedProcess,
  argv: readonly string[],
): ProcessFacts {
  const { procfs } = sources
  const { directory, comm } = process
  const uid = () => {
    const status = emptyStatus()
    procfs.status(directory, status)
    return status.euid
  }
  const exePath = () => executablePath(procfs, directory)
  return {
    comm,
    pid: process.pid,
    ppid: process.ppid,
    argv,
    startTime: sources.bootTime * 1000 + (process.start * 1000) / sources.ticksPerSecond,
    username: () => sources.username(uid()),
    uid,
    parent: () => taskName(procfs, process.ppid),
    cgroups: () => cgroupPaths(procfs, directory),
    program: () => programName(exePath()) ?? comm,
    exePath,
    workload: () => workloadOf(sources, process),
  }
}

function workloadOf({ ownership }: FactSources, process: ClassifiedProcess): Workload | undefined {
  if (ownership === undefined || process.workloadCounts === undefined) return undefined
  const workload = ownership.name(process.workloadCounts.owner)
  if (workload.isUnnamed) process.pendingNames = ownership.version
  return workload
}

/** None where they can't be read, as on a kernel without cgroups. */
function cgroupPaths(procfs: Procfs, directory: string): string[] {
  try {
    return parseCgroupPaths(procfs.cgroups(directory))
  } catch {
    return []
  }
}

function taskName(procfs: Procfs, pid: number): string | undefined {
  try {
    const directory = procfs.directory(pid)
    if (procfs.isExecuting(directory)) return undefined
    procfs.stat(directory, emptyStat())
    return procfs.comm()
  } catch {
    return undefined
  }
}

function executablePath(procfs: Procfs, directory: string): string | undefined {
  try {
    return procfs.executable(directory).replace(DELETED, '')
  } catch {
    return undefined
  }
}

function programName(path: string | undefined): string | undefined {
  // A program in memory has a made-up name that differs from one start to the next.
  return path === undefined || path.startsWith('/memfd:') ? undefined : posix.basename(path)
}

/** What the kernel appends to the path of a file that was removed or replaced meanwhile. */
const DELETED = / \(deleted\)$/
