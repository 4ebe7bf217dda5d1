/** Usage of the whole node: `/proc/stat`, `/proc/meminfo`, `/proc/vmstat`; proc_stat(5) and its siblings. */
import { ByteScanner } from '../byte-scanner.ts'
import { CachedDescriptorReader } from '../cached-descriptors.ts'
import type { FileReader } from '../file-reader.ts'

/** Counters since boot, but for memory. NaN for what can't be read. */
export interface NodeUsage {
  /** Seconds that CPUs were busy, all together: neither idle nor waiting for I/O. */
  readonly cpu: number
  /** Bytes that could not be had without swapping: all but `MemAvailable`. */
  readonly memory: number
  /** Bytes from and to block devices. */
  readonly read: number
  readonly write: number
  /** Major page faults. */
  readonly faults: number
  /** Context switches. */
  readonly switches: number
}

/** How much of each resource the node has. */
export interface NodeSize {
  /** Logical CPUs that are online. */
  readonly cpus: number
  /** Bytes of memory. */
  readonly memory: number
}

const KIB = 1024
const MAX_FILE_BYTES = 4 * 1024 * 1024

/** Reads usage and size of the whole node. */
export class NodeUsageReader {
  readonly #root: string
  readonly #ticksPerSecond: number
  readonly #files: FileReader & { close?(): void }
  readonly #scanner = new ByteScanner()

  /** @param root where procfs is mounted. */
  constructor(
    root: string,
    ticksPerSecond: number,
    files: FileReader & { close?(): void } = new CachedDescriptorReader(3),
  ) {
    this.#root = root
    this.#ticksPerSecond = ticksPerSecond
    this.#files = files
  }

  /** Reads what the node has used so far. */
  usage(): NodeUsage {
    const stat = this.#values('stat', ['ctxt '], 'cpu ')
    const [total, available] = this.#values('meminfo', ['MemTotal:', 'MemAvailable:']).found
    const [read, written, faults] = this.#values('vmstat', [
      'pgpgin ',
      'pgpgout ',
      'pgmajfault ',
    ]).found
    return {
      cpu: stat.busy / this.#ticksPerSecond,
      memory: (total - available) * KIB,
      read: read * KIB,
      write: written * KIB,
      faults,
      switches: stat.found[0],
    }
  }

  /** Closes the files that stay open between readings. */
  close(): void {
    this.#files.close?.()
  }

  /** Reads how large the node is; at least one CPU, and 1 byte. */
  size(): NodeSize {
    const { cpus } = this.#values('stat', [], 'cpu ')
    const [total] = this.#values('meminfo', ['MemTotal:']).found
    return { cpus: Math.max(1, cpus), memory: total > 0 ? total * KIB : 1 }
  }

  /**
   * Numbers behind keys at the beginnings of lines.
   *
   * @param cpuKey the line whose columns are times of all CPUs; the lines `cpu0`, `cpu1`, … are counted.
   */
  #values(
    file: string,
    keys: readonly string[],
    cpuKey?: string,
  ): { found: number[]; busy: number; cpus: number } {
    const found = keys.map(() => Number.NaN)
    let busy = Number.NaN
    let cpus = 0
    const scanner = this.#scanner
    try {
      this.#files.readAll(`${this.#root}/${file}`, MAX_FILE_BYTES)
      scanner.reset(this.#files)
      do {
        if (cpuKey !== undefined && scanner.accept(cpuKey)) busy = busyTicks(scanner)
        else if (cpuKey !== undefined && scanner.accept('cpu')) cpus++
        else {
          const index = keys.findIndex((key) => scanner.accept(key))
          if (index >= 0) found[index] = scanner.number()
        }
      } while (scanner.nextLine())
    } catch {
      // Values that were read before the error are used.
    }
    return { found, busy, cpus }
  }
}

/** user, nice, system, idle, iowait, irq, softirq, steal: guest time is in user time already. */
function busyTicks(scanner: ByteScanner): number {
  const columns = Array.from({ length: 8 }, () => scanner.number())
  const [user, nice, system, , , irq, softirq] = columns
  return user + nice + system + irq + softirq
}
