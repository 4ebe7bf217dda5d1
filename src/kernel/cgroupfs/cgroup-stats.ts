/** Statistics of one cgroup, from any version of cgroups. NaN is a value that the kernel doesn't have, Infinity no limit. */

/** Statistics of one cgroup. */
export interface CgroupStats {
  /** Seconds of CPU time; of all CPUs together. */
  cpuUsage: number
  cpuUser: number
  cpuSystem: number
  /** Enforcement intervals of the CPU limit, those in which it was reached, and the seconds lost. */
  periods: number
  throttledPeriods: number
  throttledTime: number
  /** CPUs. */
  cpuLimit: number
  /** Bytes. */
  memoryUsage: number
  memoryLimit: number
  /** Without what the kernel can take back at once (inactive file pages). */
  workingSet: number
  anonymous: number
  cache: number
  kernel: number
  swap: number
  minorFaults: number
  majorFaults: number
  /** Times that usage met a limit, and processes killed for it. */
  eventsLow: number
  eventsHigh: number
  eventsMax: number
  eventsOom: number
  oomKills: number
  /** Tasks: processes and threads. */
  tasks: number
  tasksLimit: number
}

/** Statistics of which none is known: every value is NaN. */
export const NO_CGROUP_STATS: Readonly<CgroupStats> = {
  cpuUsage: Number.NaN,
  cpuUser: Number.NaN,
  cpuSystem: Number.NaN,
  periods: Number.NaN,
  throttledPeriods: Number.NaN,
  throttledTime: Number.NaN,
  cpuLimit: Number.NaN,
  memoryUsage: Number.NaN,
  memoryLimit: Number.NaN,
  workingSet: Number.NaN,
  anonymous: Number.NaN,
  cache: Number.NaN,
  kernel: Number.NaN,
  swap: Number.NaN,
  minorFaults: Number.NaN,
  majorFaults: Number.NaN,
  eventsLow: Number.NaN,
  eventsHigh: Number.NaN,
  eventsMax: Number.NaN,
  eventsOom: Number.NaN,
  oomKills: Number.NaN,
  tasks: Number.NaN,
  tasksLimit: Number.NaN,
}

/** Bytes and operations of one device, as `major:minor`. */
export interface DeviceIo {
  readonly device: string
  readBytes: number
  writeBytes: number
  reads: number
  writes: number
}
