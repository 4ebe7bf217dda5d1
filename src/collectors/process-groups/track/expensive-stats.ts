/**
 * Values that are not read at every collection: they rarely change, and reading them costs the most.
 *
 * The limit of open files is read again when it is old. So is proportional memory while the process has not changed its
 * own page tables: then only other processes that share its pages can have changed it. Else it is read at its own
 * interval, unless that takes long: smaps_rollup walks all page tables of a process, which takes seconds where it has
 * hundreds of gigabytes.
 */
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import type { ProportionalMemory } from '../../../kernel/procfs/smaps.ts'
import type { Stat } from '../../../kernel/procfs/stat.ts'
import type { U64 } from '../../../kernel/u64.ts'

/** Expensive values of one process, kept between collections. */
export class ExpensiveStats implements ProportionalMemory {
  pss = 0
  swapPss = 0
  unique = 0
  shared = 0
  openFilesLimit = 0
  /** Descriptors that were open when they were listed last. */
  #listed = 0
  /** Of the descriptors allocated, those that were reserved only when all were listed last. */
  #reserved = 0
  #listedAt = Number.NEGATIVE_INFINITY
  #limitReadAt = Number.NEGATIVE_INFINITY
  #memoryReadAt = Number.NEGATIVE_INFINITY
  /** Milliseconds that the last reading of the memory took. */
  #memoryCost = 0
  // How the process was when its memory was read.
  #minorFaults: U64 = 0
  #majorFaults: U64 = 0
  #resident = 0
  #virtual = 0

  /**
   * Reads the limit of open files if it is older than `maxAge`.
   *
   * @throws whatever Procfs.openFilesLimit throws.
   */
  refreshLimit(procfs: Procfs, directory: string, now: number, maxAge: number): void {
    if (now - this.#limitReadAt < maxAge) return
    this.openFilesLimit = procfs.openFilesLimit(directory)
    this.#limitReadAt = now
  }

  /**
   * Number of open descriptors. Few are listed; of many the number is taken that the kernel has allocated, less those
   * that were found to be reserved only when they were listed, at most `maxAge` ago.
   *
   * @throws whatever Procfs.openDescriptors throws.
   */
  openDescriptors(procfs: Procfs, directory: string, now: number, maxAge: number): number {
    if (this.#listed <= FEW_DESCRIPTORS) {
      this.#listed = procfs.openDescriptors(directory)
      return this.#listed
    }
    const allocated = procfs.allocatedDescriptors(directory)
    const isListed = allocated === undefined || now - this.#listedAt >= maxAge
    if (!isListed) return Math.max(0, allocated - this.#reserved)
    this.#listed = procfs.openDescriptors(directory)
    this.#reserved = Math.max(0, (allocated ?? this.#listed) - this.#listed)
    this.#listedAt = now
    return this.#listed
  }

  /**
   * Whether proportional memory is to be read; but if that takes long, not before it has taken less than a two-hundredth
   * of the time. Stores the values of `stat` as the state of the process when its memory was read.
   *
   * @param longest how old it may be while the process has not changed its page tables, in milliseconds.
   * @param shortest how old it is at least before it is read again.
   */
  isMemoryDue(stat: Stat, now: number, longest: number, shortest: number): boolean {
    const age = now - this.#memoryReadAt
    if (age < (this.#hasChanged(stat) ? shortest : longest)) return false
    const isExpensive = longest > 0 && this.#memoryCost > CHEAP_MILLISECONDS
    if (isExpensive && age < this.#memoryCost * COST_FACTOR) return false
    this.#minorFaults = stat.minflt
    this.#majorFaults = stat.majflt
    this.#resident = stat.rss
    this.#virtual = stat.vsize
    return true
  }

  /**
   * Reads proportional memory. If the last reading was slow, this one goes on in the background: the values stay what they
   * were until it has finished, unless they are much too old.
   *
   * @returns rejects with whatever Procfs.proportionalMemory rejects with.
   */
  async readMemory(procfs: Procfs, directory: string): Promise<void> {
    const started = performance.now()
    const reading = procfs.proportionalMemory(directory, this, () => {
      this.#memoryReadAt = started
      this.#memoryCost = performance.now() - started
    })
    const age = started - this.#memoryReadAt
    const isSlow = this.#memoryCost > BACKGROUND_MILLISECONDS
    if (isSlow && age < this.#memoryCost * COST_FACTOR * 2) {
      reading.catch(() => {})
      return
    }
    this.#memoryReadAt = Number.NEGATIVE_INFINITY
    await reading
  }

  /**
   * Reads proportional memory of a process at once.
   *
   * @throws whatever Procfs.unlockedMemory throws.
   */
  readSmallMemory(procfs: Procfs, directory: string): void {
    const started = performance.now()
    this.#memoryReadAt = Number.NEGATIVE_INFINITY
    procfs.unlockedMemory(directory, this)
    this.#memoryReadAt = started
    this.#memoryCost = performance.now() - started
  }

  /** Whether the process's page tables can have changed: a page comes by a fault, and goes from what is resident. */
  #hasChanged(stat: Stat): boolean {
    return (
      this.#minorFaults !== stat.minflt ||
      this.#majorFaults !== stat.majflt ||
      this.#resident !== stat.rss ||
      this.#virtual !== stat.vsize
    )
  }
}

/** Up to so many descriptors, listing them costs no more than reading any other file of a process. */
const FEW_DESCRIPTORS = 64
/** Memory that is read faster than this is read whenever it is due. */
const CHEAP_MILLISECONDS = 10
/** Memory that is read slower than this keeps no collection waiting. */
const BACKGROUND_MILLISECONDS = 250
/** So that reading the memory of one process takes no more than 0.5 % of the time. */
const COST_FACTOR = 200
