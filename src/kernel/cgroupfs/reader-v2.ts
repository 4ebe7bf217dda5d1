/** Reads the files of a cgroup of v2: Documentation/admin-guide/cgroup-v2.rst. */
import { FileReader } from '../file-reader.ts'
import { type Pressure, parsePressure } from '../psi.ts'
import type { CgroupStats, DeviceIo } from './cgroup-stats.ts'
import { parseIoStat } from './io-stat.ts'
import { parseNumber, SmallFiles } from './keyed.ts'

/** The largest file is `memory.stat`, of a few kilobytes; `io.stat` has a line for each device. */
const MAX_FILE_BYTES = 1024 * 1024
const MICROSECONDS_PER_SECOND = 1e6

const CPU_STAT = [
  'usage_usec ',
  'user_usec ',
  'system_usec ',
  'nr_periods ',
  'nr_throttled ',
  'throttled_usec ',
]
const MEMORY_STAT = ['anon ', 'file ', 'kernel ', 'inactive_file ', 'pgfault ', 'pgmajfault ']
const MEMORY_EVENTS = ['low ', 'high ', 'max ', 'oom ', 'oom_kill ']

/** Every method takes the directory with a slash at its end, and throws NodeJS.ErrnoException or KernelFormatError. */
export class CgroupReaderV2 {
  readonly #files: SmallFiles

  constructor(reader = new FileReader()) {
    this.#files = new SmallFiles(reader)
  }

  cpu(directory: string, into: CgroupStats): void {
    const values = this.#files.keyed(`${directory}cpu.stat`, CPU_STAT)
    into.cpuUsage = values[0] / MICROSECONDS_PER_SECOND
    into.cpuUser = values[1] / MICROSECONDS_PER_SECOND
    into.cpuSystem = values[2] / MICROSECONDS_PER_SECOND
    into.periods = values[3]
    into.throttledPeriods = values[4]
    into.throttledTime = values[5] / MICROSECONDS_PER_SECOND
  }

  /** `cpu.max`: quota, or `max`, and period, in microseconds. */
  cpuLimit(directory: string, into: CgroupStats): void {
    this.#files.reader.read(`${directory}cpu.max`)
    const quota = parseNumber(this.#files.reader, this.#files.scanner)
    this.#files.scanner.skipBlanks()
    into.cpuLimit = quota / this.#files.scanner.number()
  }

  memoryUsage(directory: string, into: CgroupStats): void {
    into.memoryUsage = this.#files.number(`${directory}memory.current`)
  }

  memory(directory: string, into: CgroupStats): void {
    this.memoryUsage(directory, into)
    const values = this.#files.keyed(`${directory}memory.stat`, MEMORY_STAT)
    into.anonymous = values[0]
    into.cache = values[1]
    into.kernel = values[2]
    into.workingSet = Math.max(0, into.memoryUsage - values[3])
    into.minorFaults = Math.max(0, values[4] - values[5])
    into.majorFaults = values[5]
  }

  memoryLimit(directory: string, into: CgroupStats): void {
    into.memoryLimit = this.#files.number(`${directory}memory.max`)
  }

  swap(directory: string, into: CgroupStats): void {
    into.swap = this.#files.number(`${directory}memory.swap.current`)
  }

  memoryEvents(directory: string, into: CgroupStats): void {
    const values = this.#files.keyed(`${directory}memory.events`, MEMORY_EVENTS)
    into.eventsLow = values[0]
    into.eventsHigh = values[1]
    into.eventsMax = values[2]
    into.eventsOom = values[3]
    into.oomKills = values[4]
  }

  tasks(directory: string, into: CgroupStats): void {
    into.tasks = this.#files.number(`${directory}pids.current`)
  }

  tasksLimit(directory: string, into: CgroupStats): void {
    into.tasksLimit = this.#files.number(`${directory}pids.max`)
  }

  io(directory: string): DeviceIo[] {
    this.#files.reader.readAll(`${directory}io.stat`, MAX_FILE_BYTES)
    return parseIoStat(this.#files.reader)
  }

  /** @param path of a pressure file, of a cgroup or of the node. */
  pressure(path: string, into: Pressure): void {
    this.#files.reader.read(path)
    parsePressure(this.#files.reader, this.#files.scanner, into)
  }
}
