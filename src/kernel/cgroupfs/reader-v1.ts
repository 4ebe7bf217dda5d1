/** Reads the files of a cgroup of v1: Documentation/admin-guide/cgroup-v1/. */
import { FileReader } from '../file-reader.ts'
import type { CgroupStats, DeviceIo } from './cgroup-stats.ts'
import { parseBlkio } from './io-stat.ts'
import { SmallFiles } from './keyed.ts'

const MAX_FILE_BYTES = 1024 * 1024
const NANOSECONDS_PER_SECOND = 1e9
/** What memory.limit_in_bytes has for no limit: the largest number of whole pages. */
const NO_LIMIT_BYTES = 2 ** 63 - 2 ** 16

const CPU_STAT = ['nr_periods ', 'nr_throttled ', 'throttled_time ']
const CPUACCT_STAT = ['user ', 'system ']
const MEMORY_STAT = [
  'total_cache ',
  'total_rss ',
  'total_swap ',
  'total_pgfault ',
  'total_pgmajfault ',
  'total_inactive_file ',
]
const OOM_CONTROL = ['oom_kill ']

/** Every method takes the directory in the hierarchy of its controller, with a slash at its end, and throws as that of v2. */
export class CgroupReaderV1 {
  readonly #files: SmallFiles
  readonly #ticksPerSecond: number

  constructor(ticksPerSecond: number, reader = new FileReader()) {
    this.#ticksPerSecond = ticksPerSecond
    this.#files = new SmallFiles(reader)
  }

  /** Controller `cpuacct`. */
  cpu(directory: string, into: CgroupStats): void {
    into.cpuUsage = this.#files.number(`${directory}cpuacct.usage`) / NANOSECONDS_PER_SECOND
    const values = this.#files.keyed(`${directory}cpuacct.stat`, CPUACCT_STAT)
    into.cpuUser = values[0] / this.#ticksPerSecond
    into.cpuSystem = values[1] / this.#ticksPerSecond
  }

  /** Controller `cpu`. */
  throttling(directory: string, into: CgroupStats): void {
    const values = this.#files.keyed(`${directory}cpu.stat`, CPU_STAT)
    into.periods = values[0]
    into.throttledPeriods = values[1]
    into.throttledTime = values[2] / NANOSECONDS_PER_SECOND
    const quota = this.#files.signed(`${directory}cpu.cfs_quota_us`)
    const period = this.#files.number(`${directory}cpu.cfs_period_us`)
    into.cpuLimit = quota < 0 ? Number.POSITIVE_INFINITY : quota / period
  }

  /** Controller `memory`. */
  memoryUsage(directory: string, into: CgroupStats): void {
    into.memoryUsage = this.#files.number(`${directory}memory.usage_in_bytes`)
  }

  /** Controller `memory`. */
  memory(directory: string, into: CgroupStats): void {
    this.memoryUsage(directory, into)
    const limit = this.#files.number(`${directory}memory.limit_in_bytes`)
    into.memoryLimit = limit >= NO_LIMIT_BYTES ? Number.POSITIVE_INFINITY : limit
    const values = this.#files.keyed(`${directory}memory.stat`, MEMORY_STAT)
    into.cache = values[0]
    into.anonymous = values[1]
    into.swap = values[2]
    into.minorFaults = Math.max(0, values[3] - values[4])
    into.majorFaults = values[4]
    into.workingSet = Math.max(0, into.memoryUsage - values[5])
  }

  /** Controller `memory`; before Linux 4.13 the file has no count. */
  oomKills(directory: string, into: CgroupStats): void {
    into.oomKills = this.#files.keyed(`${directory}memory.oom_control`, OOM_CONTROL)[0]
  }

  /** Controller `pids`. */
  tasks(directory: string, into: CgroupStats): void {
    into.tasks = this.#files.number(`${directory}pids.current`)
    into.tasksLimit = this.#files.number(`${directory}pids.max`)
  }

  /** Controller `blkio`. */
  io(directory: string): DeviceIo[] {
    const devices = new Map<string, DeviceIo>()
    this.#files.reader.readAll(
      `${directory}blkio.throttle.io_service_bytes_recursive`,
      MAX_FILE_BYTES,
    )
    parseBlkio(this.#files.reader, 'bytes', devices)
    this.#files.reader.readAll(`${directory}blkio.throttle.io_serviced_recursive`, MAX_FILE_BYTES)
    parseBlkio(this.#files.reader, 'operations', devices)
    return [...devices.values()]
  }
}
