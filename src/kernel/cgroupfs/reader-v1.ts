/** Reads the files of a cgroup of v1: Documentation/admin-guide/cgroup-v1/. */
import { ByteScanner } from '../byte-scanner.ts'
import { FileReader } from '../file-reader.ts'
import type { CgroupFigures, DeviceIo } from './figures.ts'
import { parseBlkio } from './io-stat.ts'
import { parseKeyed, parseNumber } from './keyed.ts'

const LARGEST = 1024 * 1024
const NANOSECONDS = 1e9
/** What memory.limit_in_bytes has for no limit: the largest number of whole pages. */
const NO_LIMIT = 2 ** 63 - 2 ** 16

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
  readonly #reader = new FileReader()
  readonly #scanner = new ByteScanner()
  readonly #values: number[] = []
  readonly #ticksPerSecond: number

  constructor(ticksPerSecond: number) {
    this.#ticksPerSecond = ticksPerSecond
  }

  /** Controller `cpuacct`. */
  cpu(directory: string, into: CgroupFigures): void {
    into.cpuUsage = this.#number(`${directory}cpuacct.usage`) / NANOSECONDS
    const values = this.#keyed(`${directory}cpuacct.stat`, CPUACCT_STAT)
    into.cpuUser = values[0] / this.#ticksPerSecond
    into.cpuSystem = values[1] / this.#ticksPerSecond
  }

  /** Controller `cpu`. */
  throttling(directory: string, into: CgroupFigures): void {
    const values = this.#keyed(`${directory}cpu.stat`, CPU_STAT)
    into.periods = values[0]
    into.throttledPeriods = values[1]
    into.throttledTime = values[2] / NANOSECONDS
    const quota = this.#number(`${directory}cpu.cfs_quota_us`)
    const period = this.#number(`${directory}cpu.cfs_period_us`)
    into.cpuLimit = quota < 0 ? Number.POSITIVE_INFINITY : quota / period
  }

  /** Controller `memory`. */
  memory(directory: string, into: CgroupFigures): void {
    into.memoryUsage = this.#number(`${directory}memory.usage_in_bytes`)
    const limit = this.#number(`${directory}memory.limit_in_bytes`)
    into.memoryLimit = limit >= NO_LIMIT ? Number.POSITIVE_INFINITY : limit
    const values = this.#keyed(`${directory}memory.stat`, MEMORY_STAT)
    into.cache = values[0]
    into.anonymous = values[1]
    into.swap = values[2]
    into.minorFaults = values[3] - values[4]
    into.majorFaults = values[4]
    into.workingSet = Math.max(0, into.memoryUsage - values[5])
  }

  /** Controller `memory`; before Linux 4.13 the file has no count. */
  oomKills(directory: string, into: CgroupFigures): void {
    into.oomKills = this.#keyed(`${directory}memory.oom_control`, OOM_CONTROL)[0]
  }

  /** Controller `pids`. */
  tasks(directory: string, into: CgroupFigures): void {
    into.tasks = this.#number(`${directory}pids.current`)
    into.tasksLimit = this.#number(`${directory}pids.max`)
  }

  /** Controller `blkio`. */
  io(directory: string): DeviceIo[] {
    const devices = new Map<string, DeviceIo>()
    this.#reader.readAll(`${directory}blkio.throttle.io_service_bytes_recursive`, LARGEST)
    parseBlkio(this.#reader, 'bytes', devices)
    this.#reader.readAll(`${directory}blkio.throttle.io_serviced_recursive`, LARGEST)
    parseBlkio(this.#reader, 'operations', devices)
    return [...devices.values()]
  }

  #keyed(path: string, keys: readonly string[]): readonly number[] {
    this.#reader.read(path)
    parseKeyed(this.#reader, this.#scanner, keys, this.#values)
    return this.#values
  }

  #number(path: string): number {
    this.#reader.read(path)
    return parseNumber(this.#reader, this.#scanner)
  }
}
