/** Reads the cgroups of the node once per collection, and notices new and removed ones. */
import type { HrTime } from '@opentelemetry/api'
import { select } from '../../entities/cgroup-selection.ts'
import type { LossySums } from '../../entities/continued-counters.ts'
import { KnownCgroup } from '../../entities/known-cgroup.ts'
import { NewestCgroups } from '../../entities/newest-cgroups.ts'
import type { CachedDescriptorReader } from '../../kernel/cached-descriptors.ts'
import { NO_CGROUP_STATS } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { CgroupNode, CgroupTree } from '../../kernel/cgroupfs/tree.ts'
import { clearPressure } from '../../kernel/psi.ts'
import type { WholeMatch } from '../../lib/re2.ts'
import { clock } from '../../telemetry/clock.ts'
import { compareTimes, fromMilliseconds, laterOf } from '../../telemetry/time.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { type CgroupFile, type CgroupReading, emptyPressures } from './cgroup-files.ts'
import type { FileHealth } from './file-health.ts'

/** What `Cgroups` reads from and reports to. */
export interface CgroupParts {
  readonly tree: CgroupTree
  readonly files: readonly CgroupFile[]
  /** Reads the files of a collection. */
  readonly descriptors: CachedDescriptorReader
  readonly lossy: LossySums
  readonly workloads: Workloads
  readonly health: FileHealth
  readonly slice: TimeSlice
  /** Patterns of further cgroups to measure. */
  readonly include: readonly WholeMatch[]
  /** When the node was booted. */
  readonly boot: HrTime
}

/** The measured cgroups of the node, followed from one collection to the next. */
export class Cgroups {
  readonly #parts: CgroupParts
  /** By path; undefined for cgroups that are not measured. */
  readonly #known = new Map<string, KnownCgroup | undefined>()
  readonly #reading: CgroupReading = {
    stats: { ...NO_CGROUP_STATS },
    pressures: emptyPressures(),
    devices: [],
  }
  readonly #newest = new NewestCgroups()
  #present: readonly KnownCgroup[] = []
  /** All measured cgroups that the last walk found, several of one container included. */
  #found: readonly KnownCgroup[] = []
  #pass = 0
  #version = 0
  #time: HrTime
  /** Every cgroup that the last walk did not find was created after this time. */
  #previous: HrTime

  constructor(parts: CgroupParts) {
    this.#parts = parts
    this.#time = parts.boot
    this.#previous = parts.boot
  }

  /** Number of cgroups that the last collection could read. */
  measured = 0

  /**
   * Reads every cgroup that is measured.
   *
   * @param time of the collection.
   * @param observe called for each cgroup; the reading is overwritten by the next one.
   * @returns the measured cgroups.
   * @throws NodeJS.ErrnoException when the root of the tree can't be read.
   */
  async collect(
    time: HrTime,
    observe: (cgroup: KnownCgroup, reading: CgroupReading) => void,
  ): Promise<readonly KnownCgroup[]> {
    const { slice, health, descriptors } = this.#parts
    this.#pass++
    const present = await this.#find(time)
    health.beginPass()
    this.measured = 0
    for (const known of present) {
      if (slice.isOver()) await slice.next()
      if (!this.#read(known)) continue
      this.measured++
      observe(known, this.#reading)
    }
    descriptors.closeUnused()
    return present
  }

  /**
   * The measured cgroups without reading them, by their names as they are known now; the same list while it is the same.
   *
   * @param time of the sample that they are wanted for.
   * @param isWalking whether the tree is walked; otherwise they are those of the last walk.
   * @throws NodeJS.ErrnoException when the root of the tree can't be read.
   */
  async present(time: HrTime, isWalking: boolean): Promise<readonly KnownCgroup[]> {
    if (isWalking) return this.#find(time)
    await this.#rename(this.#present)
    return this.#present
  }

  /** Walks the tree; returns the cgroups that are measured. */
  async #find(time: HrTime): Promise<readonly KnownCgroup[]> {
    const { slice, tree } = this.#parts
    this.#time = time
    slice.begin()
    const found: KnownCgroup[] = []
    const seen = new Set<string>()
    for (const node of tree.walk()) {
      if (slice.isOver()) await slice.next()
      seen.add(node.path)
      const known = this.#know(node)
      if (known !== undefined) found.push(known)
    }
    this.#previous = tree.omitted === 0 ? time : this.#parts.boot
    // Most walks find the same cgroups.
    const isSame = isSameList(found, this.#found)
    const present = isSame ? this.#present : this.#newest.of(found)
    this.#found = found
    if (seen.size < this.#known.size) this.#forget(seen)
    await this.#rename(present)
    this.#present = present
    return present
  }

  async #rename(present: readonly KnownCgroup[]): Promise<void> {
    const { workloads } = this.#parts
    await workloads.settle()
    if (this.#version === workloads.version) return
    this.#version = workloads.version
    for (const known of present) known.rename(workloads)
  }

  /** Forgets the cgroups that the walk has not seen. */
  #forget(seen: ReadonlySet<string>): void {
    const removed: KnownCgroup[] = []
    for (const [path, known] of this.#known) {
      if (seen.has(path)) continue
      this.#known.delete(path)
      if (known !== undefined) removed.push(known)
    }
    const paths = new Set(removed.map(({ path }) => path))
    for (const known of removed) this.#keep(known, paths)
  }

  /**
   * Lets the cgroups above a removed one keep its share, up to one that was removed as well: the share is a part of that one's.
   *
   * @param paths of other cgroups that were removed.
   */
  #keep(removed: KnownCgroup, paths?: ReadonlySet<string>): void {
    const { lossy } = this.#parts
    if (lossy.devices === undefined && lossy.faults === undefined) return
    for (let path = parentOf(removed.path); path !== ''; path = parentOf(path)) {
      if (paths?.has(path)) return
      const above = this.#known.get(path)
      if (above === undefined) continue
      // It was made anew in the place of a removed one.
      if (above.lastTime === undefined) return
      above.keep(removed, lossy)
    }
  }

  #know(node: CgroupNode): KnownCgroup | undefined {
    const { path, inode } = node
    const known = this.#known.get(path)
    if (known === undefined ? this.#known.has(path) : known.inode === inode) return known
    const { include, workloads } = this.#parts
    const selected = select(path, include)
    const created =
      selected === undefined
        ? undefined
        : new KnownCgroup(path, inode, selected, this.#startOf(node, known), workloads)
    this.#known.set(path, created)
    if (known !== undefined) this.#keep(known)
    return created
  }

  /**
   * Start of a cgroup's counters, as far as the kernel shows it: not later than its creation if its creator looked it up,
   * and not before the last reading of an earlier cgroup that had its series. The kernel's time of a file is that of the last
   * tick, which may be before a walk that has not found it yet.
   */
  #startOf({ time }: CgroupNode, predecessor: KnownCgroup | undefined): HrTime {
    const lookedUp = clock.taken(fromMilliseconds(time))
    // It was first looked up by this walk.
    if (compareTimes(lookedUp, this.#time) >= 0) return this.#previous
    const earliest = laterOf(this.#previous, predecessor?.lastTime ?? this.#previous)
    return laterOf(lookedUp, earliest)
  }

  /** Whether it could be read; otherwise it has been removed. */
  #read(known: KnownCgroup): boolean {
    const { files, health, workloads, descriptors, tree } = this.#parts
    const { opened, replaced } = descriptors
    known.pass = this.#pass
    const reading = this.#reading
    this.#clear()
    // Unknown names are requested again.
    if (known.selected.level !== 'cgroup') workloads.name(known.selected.owner)
    let hasAny = false
    const missing: string[] = []
    for (const { file, read } of files) {
      if (known.lacks(file)) {
        health.addMissing(file)
        continue
      }
      try {
        read(known.path, reading)
        hasAny = true
      } catch (error) {
        if (health.add(file, error)) missing.push(file)
      }
    }
    if (!hasAny) return false
    // A file that was opened just now may belong to a new cgroup of the same path.
    // The next walk finds that one.
    const isReplaced = known.lastTime !== undefined && descriptors.replaced > replaced
    if (isReplaced || (descriptors.opened > opened && !tree.isThere(known))) return false
    known.follow(reading, this.#parts.lossy)
    known.lastTime = this.#time
    for (const file of missing) {
      known.setMissing(file)
      health.addMissing(file)
    }
    return true
  }

  #clear(): void {
    const reading = this.#reading
    Object.assign(reading.stats, NO_CGROUP_STATS)
    for (const pressure of Object.values(reading.pressures)) clearPressure(pressure)
    reading.devices = []
  }
}

/** The path of the cgroup above; empty at the top. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function isSameList(one: readonly KnownCgroup[], other: readonly KnownCgroup[]): boolean {
  return one.length === other.length && one.every((each, index) => each === other[index])
}
