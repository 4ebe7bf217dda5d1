/**
 * Reads cgroups every second, and the CPU time of busy containers several times a second, for the recorder.
 *
 * A counter of a cgroup counts what the cgroups below do, too. So where it has not moved, it has not moved below either, and
 * the files below are not read. Nothing is observed here: numbers go from files into typed arrays.
 */
import type { HrTime } from '@opentelemetry/api'
import type { KnownCgroup } from '../../entities/known-cgroup.ts'
import { ByteScanner } from '../../kernel/byte-scanner.ts'
import { parsePressureTotals } from '../../kernel/cgroupfs/usage-files.ts'
import { KeptFile, KeptFiles } from '../../kernel/kept-files.ts'
import { SAMPLED_FIGURES } from '../../recorder/figures.ts'
import type { SampledUsage, UsageSource } from '../../recorder/usage.ts'
import { Entity } from '../../telemetry/entity.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { SampledFile } from './cgroup-files.ts'
import type { Cgroups } from './cgroups.ts'

/** What samples are read from. */
export interface UsageParts {
  readonly cgroups: Cgroups
  /** The files of each cgroup; that of its CPU time is the first. */
  readonly files: readonly SampledFile[]
  /** `cgroup.stat` of the root in cgroup v2: it has the number of cgroups. */
  readonly count: string | undefined
  /** Where procfs is mounted. */
  readonly procRoot: string
  /** How many files may stay open. */
  readonly openFiles: number
  readonly slice: TimeSlice
  /** Since when the node's pressure is counted. */
  readonly boot: HrTime
}

/** Samples between two walks of the tree where the number of cgroups stays the same. */
const WALK_AFTER = 5
/** The same where memory is read: its file shows that an idle cgroup is still there. */
const WALK_WITH_MEMORY_AFTER = 15
/** Samples between two readings of the memory of an idle cgroup. */
const IDLE_AFTER = 5
/** Samples after which files are closed that were not read meanwhile. */
const CLOSE_AFTER = 60
/** Samples after which a missing file is tried again. */
const RETRY_AFTER = 60
/** Seconds of CPU time; containers that use less between two looks are not looked at. */
const QUIET = 0.02
/** Of a cgroup with more cgroups below it, a look reads only those that can have used more than in the second before. */
const WIDE = 8
/** Cgroups between two looks at the clock. */
const AT_ONCE = 32
/** Pressure of the node, by the place of its `some`. */
const NODE_PRESSURE = ['cpu', 'memory', 'io'].map((resource) => ({
  resource,
  place: SAMPLED_FIGURES.indexOf(`${resource as 'cpu' | 'memory' | 'io'}Some`),
}))
const CPU = SAMPLED_FIGURES.indexOf('cpu')
const CPU_FULL = SAMPLED_FIGURES.indexOf('cpuFull')

/** A cgroup that is read: a measured one, or one above. */
class Node {
  readonly path: string
  /** Undefined for one that is read only because it is the sum of those below. */
  readonly cgroup: KnownCgroup | undefined
  /** By the place of the file among those of a sample. */
  readonly files: readonly KeptFile[]
  readonly sample: SampledUsage | undefined
  readonly values = new Float64Array(SAMPLED_FIGURES.length).fill(Number.NaN)
  /** By file: the number of the sample in which it was missing; 0 for none. */
  readonly missing: Uint32Array
  above: Node | undefined
  below: Node[] = []
  /** Place of the first node in the list that is not below this one. */
  end = 0
  /** Bits of the files that the last sample has, and of those whose counters have moved in it. */
  known = 0
  moved = 0
  /** The sample in which values were read that are not read each time. */
  refreshed = 0
  /** CPU time when it was looked at, and when those below were. */
  looked = Number.NaN
  lookedBelow = Number.NaN
  /** The number of the last look at it. */
  look = 0
  /** CPU time in the last sample, what had been used since the one before, and how much of that by those below that were quiet. */
  sampled = Number.NaN
  used = 0
  usedByQuiet = 0
  /** Whether it has used more than next to nothing. */
  isBusy = false
  /** Whether those below that are quiet are left out of the look under way. */
  leavesQuiet = false

  constructor(path: string, cgroup: KnownCgroup | undefined, files: readonly SampledFile[]) {
    this.path = path
    this.cgroup = cgroup
    this.files = files.map(({ root, name }) => new KeptFile(`${root}${path}/${name}`))
    this.missing = new Uint32Array(files.length)
    this.sample = cgroup && {
      kind: cgroup.selected.level,
      entity: cgroup.entity,
      values: this.values,
    }
  }
}

/** Samples of the cgroups that a collector knows. */
export class UsageSamples implements UsageSource {
  readonly #parts: UsageParts
  readonly #reader: KeptFiles
  readonly #scanner = new ByteScanner()
  readonly #node: SampledUsage
  /** Pressure of the node, and the bits of the cgroups' files that count the same. */
  readonly #nodeFiles: readonly {
    readonly place: number
    readonly bits: number
    readonly file: KeptFile
  }[]
  readonly #countFile: KeptFile | undefined
  readonly #cpu = new Float64Array(1)
  readonly #walkAfter: number
  #nodes = new Map<string, Node>()
  /** Those above before those below; all below one are in one piece. */
  #list: readonly Node[] = []
  #samples: readonly SampledUsage[]
  #present: readonly KnownCgroup[] = []
  #number = 0
  #walked = Number.NEGATIVE_INFINITY
  #descendants = Number.NaN
  #hasGone = false
  #look = 1
  #lookedAt = 0
  /** When the last sample began, by the monotonic clock, and the seconds since the one before. */
  #sampledAt = Number.NaN
  #seconds = Number.NaN

  constructor(parts: UsageParts) {
    this.#parts = parts
    this.#reader = new KeptFiles(parts.openFiles)
    const hasMemory = parts.files.some(({ isCounter }) => !isCounter)
    this.#walkAfter = hasMemory ? WALK_WITH_MEMORY_AFTER : WALK_AFTER
    this.#countFile = parts.count === undefined ? undefined : new KeptFile(parts.count)
    const values = new Float64Array(SAMPLED_FIGURES.length).fill(Number.NaN)
    this.#node = { kind: 'node', entity: new Entity({}, parts.boot), values }
    this.#samples = [this.#node]
    this.#nodeFiles = NODE_PRESSURE.map(({ resource, place }) => ({
      place,
      bits: parts.files.reduce(
        (bits, file, index) => bits | (file.place === place ? 1 << index : 0),
        0,
      ),
      file: new KeptFile(`${parts.procRoot}/pressure/${resource}`),
    }))
  }

  async sample(time: HrTime): Promise<readonly SampledUsage[]> {
    const { cgroups, slice, files } = this.#parts
    this.#number++
    const isWalking = this.#mayHaveChanged()
    if (isWalking) {
      this.#walked = this.#number
      this.#hasGone = false
    }
    const present = await cgroups.present(time, isWalking)
    if (present !== this.#present) this.#arrange(present)
    const moved = this.#readNode()
    const now = performance.now()
    this.#seconds = (now - this.#sampledAt) / 1000
    this.#sampledAt = now
    slice.begin()
    for (let index = 0; index < this.#list.length; index++) {
      if (index % AT_ONCE === 0 && slice.isOver()) await slice.next()
      const node = this.#list[index]
      this.#read(node, node.above?.moved ?? moved, files)
    }
    this.#look++
    if (this.#number % CLOSE_AFTER === 0) this.#reader.closeUnused()
    return this.#hasGone
      ? [this.#node, ...this.#list.filter(isThere).flatMap(({ sample }) => sample ?? [])]
      : this.#samples
  }

  async look(
    at: number,
    take: (container: SampledUsage, at: number, cpu: number) => void,
  ): Promise<void> {
    const { slice, files } = this.#parts
    if (files[0]?.place !== CPU) return
    const before = this.#lookedAt
    this.#look++
    slice.begin()
    for (let index = 0, done = 0; index < this.#list.length; done++) {
      if (done % AT_ONCE === AT_ONCE - 1 && slice.isOver()) await slice.next()
      const node = this.#list[index++]
      if (node.above?.leavesQuiet && !node.isBusy) {
        index = node.end
        continue
      }
      node.leavesQuiet = false
      if (!this.#readFile(node, 0, files[0], this.#cpu, 0)) continue
      const cpu = this.#cpu[0]
      if (node.sample?.kind === 'container') {
        // It was not looked at, since it used next to nothing: what it had then is what it has had since.
        const isGap = node.look < this.#look - 1 && before > 0
        if (isGap) take(node.sample, before, node.looked)
        take(node.sample, at, cpu)
        node.look = this.#look
        node.looked = cpu
      }
      if (cpu - node.lookedBelow < QUIET) index = Math.max(index, node.end)
      else {
        node.lookedBelow = cpu
        node.isBusy = true
        node.leavesQuiet = node.below.length > WIDE && this.#isExplained(node, cpu, files[0])
      }
    }
    this.#lookedAt = at
  }

  /**
   * Whether what a cgroup has used since the last sample is what those below did that are known to be busy, and what the others
   * used in the second before.
   */
  #isExplained(node: Node, cpu: number, file: SampledFile): boolean {
    let rest = cpu - node.sampled
    for (const below of node.below) {
      if (!below.isBusy) continue
      if (!this.#readFile(below, 0, file, this.#cpu, 0)) return false
      rest -= this.#cpu[0] - below.sampled
    }
    const seconds = (performance.now() - this.#sampledAt) / 1000
    return rest - Math.max(0, node.usedByQuiet / this.#seconds) * seconds < QUIET
  }

  close(): void {
    for (const node of this.#nodes.values()) this.#closeNode(node)
    for (const { file } of this.#nodeFiles) this.#reader.close(file)
    if (this.#countFile !== undefined) this.#reader.close(this.#countFile)
  }

  /** Whether there may be other cgroups than the last walk found. */
  #mayHaveChanged(): boolean {
    const before = this.#descendants
    this.#descendants = Number.NaN
    try {
      if (this.#countFile !== undefined) {
        this.#reader.read(this.#countFile)
        this.#scanner.reset(this.#reader)
        if (this.#scanner.accept('nr_descendants ')) this.#descendants = this.#scanner.number()
      }
    } catch {
      // Then the tree is walked each time.
    }
    const isSame = this.#descendants === before && !this.#hasGone
    return !isSame || this.#number - this.#walked >= this.#walkAfter
  }

  /** Reads the node's pressure; returns the bits of the files whose counters may have moved. */
  #readNode(): number {
    let moved = ALL
    const { values } = this.#node
    for (const { place, bits, file } of this.#nodeFiles) {
      const some = values[place]
      try {
        this.#reader.read(file)
        parsePressureTotals(this.#reader, this.#scanner, values, place)
      } catch {
        // It is counted by the next collection.
        values.fill(Number.NaN, place, place + 2)
      }
      if (values[place] === some) moved &= ~bits
    }
    // The kernel prints it without a meaning: some task can always run when no other one does.
    values[CPU_FULL] = Number.NaN
    return moved
  }

  /** @param above bits of the files whose counters have moved above. */
  #read(node: Node, above: number, files: readonly SampledFile[]): void {
    const { values } = node
    node.moved = 0
    for (let index = 0; index < files.length; index++) {
      const file = files[index]
      const bit = 1 << index
      if (file.isCounter) {
        if ((node.known & bit) !== 0 && (above & bit) === 0) continue
      } else {
        // What a cgroup has in memory grows only while it runs; the kernel takes some back now and then.
        if (node.sample === undefined) continue
        const hasRun = files[0].place !== CPU || (node.moved & 1) !== 0
        const isIdle = !hasRun && this.#number - node.refreshed < IDLE_AFTER
        if ((node.known & bit) !== 0 && isIdle) continue
        node.refreshed = this.#number
      }
      const one = values[file.place]
      const other = values[file.place + 1]
      if (!this.#readFile(node, index, file, values, file.place)) {
        values.fill(Number.NaN, file.place, file.place + file.values)
        node.known &= ~bit
        node.moved |= bit
        continue
      }
      node.known |= bit
      const isSame =
        values[file.place] === one && (file.values < 2 || values[file.place + 1] === other)
      if (!isSame) node.moved |= bit
    }
    const cpu = values[CPU]
    node.look = this.#look + 1
    node.looked = cpu
    node.lookedBelow = cpu
    node.used = cpu - node.sampled
    node.sampled = cpu
    node.usedByQuiet = node.used
    node.isBusy = node.used >= QUIET * this.#seconds
    if (node.isBusy && node.above !== undefined) node.above.usedByQuiet -= node.used
  }

  /** Whether it could be read. */
  #readFile(
    node: Node,
    index: number,
    { parse }: SampledFile,
    into: Float64Array,
    place: number,
  ): boolean {
    const missed = node.missing[index]
    if (missed > 0 && this.#number - missed < RETRY_AFTER) return false
    try {
      this.#reader.read(node.files[index])
      parse(this.#reader, this.#scanner, into, place)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const wasThere = (node.known & (1 << index)) !== 0
      // Other errors are counted by the next collection.
      if (code === 'ENODEV' || (code === 'ENOENT' && wasThere)) this.#end(node)
      else if (code === 'ENOENT') node.missing[index] = this.#number
      return false
    }
  }

  /** A cgroup was removed. The next walk finds out whether there is another one in its place. */
  #end(node: Node): void {
    this.#hasGone = true
    node.known = 0
    node.values.fill(Number.NaN)
  }

  /** Takes the cgroups that a walk found, and those above them. */
  #arrange(present: readonly KnownCgroup[]): void {
    this.#present = present
    const before = this.#nodes
    const measured = new Map(present.map((cgroup) => [cgroup.path, cgroup]))
    const nodes = new Map<string, Node>()
    const tops: Node[] = []
    const place = (path: string): Node => {
      const placed = nodes.get(path)
      if (placed !== undefined) return placed
      const cgroup = measured.get(path)
      const known = before.get(path)
      const node =
        known?.cgroup === cgroup && known !== undefined
          ? known
          : new Node(path, cgroup, this.#parts.files)
      if (node === known) before.delete(path)
      nodes.set(path, node)
      node.below = []
      const parent = path.slice(0, path.lastIndexOf('/'))
      node.above = parent === '' ? undefined : place(parent)
      ;(node.above?.below ?? tops).push(node)
      return node
    }
    for (const path of measured.keys()) place(path)
    for (const node of before.values()) this.#closeNode(node)
    this.#nodes = nodes
    const list: Node[] = []
    const add = (node: Node) => {
      list.push(node)
      for (const each of node.below) add(each)
      node.end = list.length
    }
    for (const node of tops) add(node)
    this.#list = list
    this.#samples = [this.#node, ...list.flatMap(({ sample }) => sample ?? [])]
  }

  #closeNode({ files }: Node): void {
    for (const file of files) this.#reader.close(file)
  }
}

const ALL = -1

/** A cgroup that has just been removed has no file any more. */
function isThere({ values }: Node): boolean {
  return values.some((value) => !Number.isNaN(value))
}
