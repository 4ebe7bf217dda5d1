/** Reads the files of a cgroup of v2: Documentation/admin-guide/cgroup-v2.rst. */
import { ByteScanner } from '../byte-scanner.ts'
import { FileReader } from '../file-reader.ts'
import { type Pressure, parsePressure } from '../psi.ts'
import type { CgroupFigures, DeviceIo } from './figures.ts'
import { parseIoStat } from './io-stat.ts'
import { parseKeyed, parseNumber } from './keyed.ts'

/** The largest file is `memory.stat`, of a few kilobytes; `io.stat` has a line for each device. */
const LARGEST = 1024 * 1024
const MICROSECONDS = 1e6

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
  readonly #reader = new FileReader()
  readonly #scanner = new ByteScanner()
  readonly #values: number[] = []

  cpu(directory: string, into: CgroupFigures): void {
    const values = this.#keyed(`${directory}cpu.stat`, CPU_STAT)
    into.cpuUsage = values[0] / MICROSECONDS
    into.cpuUser = values[1] / MICROSECONDS
    into.cpuSystem = values[2] / MICROSECONDS
    into.periods = values[3]
    into.throttledPeriods = values[4]
    into.throttledTime = values[5] / MICROSECONDS
  }

  /** `cpu.max`: quota, or `max`, and period, in microseconds. */
  cpuLimit(directory: string, into: CgroupFigures): void {
    this.#reader.read(`${directory}cpu.max`)
    const quota = parseNumber(this.#reader, this.#scanner)
    this.#scanner.skipBlanks()
    into.cpuLimit = quota / this.#scanner.number()
  }

  memory(directory: string, into: CgroupFigures): void {
    into.memoryUsage = this.#number(`${directory}memory.current`)
    const values = this.#keyed(`${directory}memory.stat`, MEMORY_STAT)
    into.anonymous = values[0]
    into.cache = values[1]
    into.kernel = values[2]
    into.workingSet = Math.max(0, into.memoryUsage - values[3])
    into.minorFaults = values[4] - values[5]
    into.majorFaults = values[5]
  }

  memoryLimit(directory: string, into: CgroupFigures): void {
    into.memoryLimit = this.#number(`${directory}memory.max`)
  }

  swap(directory: string, into: CgroupFigures): void {
    into.swap = this.#number(`${directory}memory.swap.current`)
  }

  memoryEvents(directory: string, into: CgroupFigures): void {
    const values = this.#keyed(`${directory}memory.events`, MEMORY_EVENTS)
    into.eventsLow = values[0]
    into.eventsHigh = values[1]
    into.eventsMax = values[2]
    into.eventsOom = values[3]
    into.oomKills = values[4]
  }

  tasks(directory: string, into: CgroupFigures): void {
    into.tasks = this.#number(`${directory}pids.current`)
  }

  tasksLimit(directory: string, into: CgroupFigures): void {
    into.tasksLimit = this.#number(`${directory}pids.max`)
  }

  io(directory: string): DeviceIo[] {
    this.#reader.readAll(`${directory}io.stat`, LARGEST)
    return parseIoStat(this.#reader)
  }

  /** @param path of a pressure file, of a cgroup or of the node. */
  pressure(path: string, into: Pressure): void {
    this.#reader.read(path)
    parsePressure(this.#reader, this.#scanner, into)
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
