/** A tree of cgroups with generated faults in its files, and the invariants that hold nevertheless. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import type { Sample } from '../../test/support/exposition.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { require } from '../check.ts'
import { Dice } from '../support/random.ts'
import type { Area } from './area.ts'
import { collectCgroups } from './cgroup-collector.ts'
import { CGROUP_FILES } from './cgroup-files.ts'
import { asNobody, damageFile } from './damage.ts'
import { readPage } from './page.ts'
import type { Watch } from './watch.ts'

const POD = 'pod2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const NAMES = ['a', 'b.slice', 'c d', 'é"\\', POD, 'c'.repeat(64), 'd'.repeat(64)]
const MAX_DEPTH = 3
/** Of what the collector itself counts there is no file. */
const OWN = /^cgroup_(?:collection|file)_/
/** Counters that go on when the kernel lets them fall: they may show what a file said before. */
const CONTINUED = /_(?:disk_io_bytes|disk_operations|paging_faults)_total$/
const TOLERANCE = 1e-9
const MICROSECONDS = 1e6
const PERCENT = 100
const NANOSECONDS = 1e9
const TICKS_PER_SECOND = 100

type Version = keyof typeof CGROUP_FILES

const COLLECTIONS = 5

/** Each seed is the life of a tree, of some collections. */
export const CGROUP_LIVES: Area = {
  name: 'cgroups',
  share: 0.1,
  casesOfSeed: COLLECTIONS,
  open: async (_, watch) => (seed) => liveWithCgroups(seed, watch),
}

async function liveWithCgroups(seed: number, watch: Watch): Promise<void> {
  const dice = new Dice(seed)
  const procfs = new ProcfsTree()
  const root = mkdtempSync(join(tmpdir(), 'cgroups-'))
  for (const directory of [procfs.root, root]) chmodSync(directory, 0o755)
  try {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu io memory pids\n')
    const isNobody = dice.chance(0.2)
    const openFiles = dice.pick([0, 0, 10, 10_000])
    const version = dice.pick([1, 2, 2] as const)
    const collect = collectCgroups(root, procfs.root, new TimeSlice(0), { openFiles, version })
    const descriptors = openDescriptors()
    const numbers = new Map<string, Set<number>>()
    const continued = new Set<string>()
    for (let collection = 0; collection < COLLECTIONS; collection++) {
      change(dice, version, root, 0)
      // Of a file that is kept open something may be read that has been replaced.
      if (openFiles === 0) numbers.clear()
      addNumbers(root, numbers, version)
      const text = await watch.over(() => (isNobody ? asNobody(collect) : collect()))
      requireExplained(readPage(text).samples, numbers, continued, version)
    }
    // Files are closed in the second collection that has no use for them.
    for (const name of NAMES) rmSync(join(root, name), { recursive: true, force: true })
    for (let collection = 0; collection < 2; collection++) await collect()
    const left = openDescriptors() - descriptors
    require(left <= 0, `${left} files stay open`)
  } finally {
    procfs.dispose()
    rmSync(root, { recursive: true, force: true })
  }
}

/** Makes and removes cgroups below a directory, and writes and damages their files. */
function change(dice: Dice, version: Version, directory: string, depth: number): void {
  for (const name of NAMES) {
    const path = join(directory, name)
    const isThere = existsSync(path)
    if (isThere && dice.chance(0.15)) {
      rmSync(path, { recursive: true })
    } else if (isThere || dice.chance(0.2 / (depth + 1))) {
      mkdirSync(path, { recursive: true })
      chmodSync(path, 0o755)
      if (!isThere || dice.chance(0.4)) write(dice, version, path)
      dice.list(0, 2, () => damageFile(dice, join(path, dice.pick(readdirSync(path)))))
      if (depth < MAX_DEPTH) change(dice, version, path, depth + 1)
      // Not to be listed, or what is in it not to be looked at.
      if (dice.chance(0.05)) chmodSync(path, dice.pick([0, 0o444]))
    }
  }
}

function write(dice: Dice, version: Version, path: string): void {
  for (const [name, content] of Object.entries(CGROUP_FILES[version](dice))) {
    const file = join(path, name)
    rmSync(file, { recursive: true, force: true })
    if (dice.chance(0.97)) writeFileSync(file, content)
  }
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** @throws Error when a value stands in no file of its cgroup, and is no difference or part of two that do. */
function requireExplained(
  samples: readonly Sample[],
  numbers: ReadonlyMap<string, ReadonlySet<number>>,
  continued: Set<string>,
  version: Version,
): void {
  for (const { name, labels, value } of samples) {
    if (OWN.test(name) || value === 0) continue
    if (CONTINUED.test(name)) {
      // With the shares of cgroups that have been removed it is a number of no file.
      if (version === 1) continue
      const shown = `${name}${JSON.stringify(labels)} ${value}`
      if (continued.has(shown)) continue
      continued.add(shown)
    }
    const own = labels.cgroup_path?.split('/').at(-1)
    const known = numbers.get(own ?? labels.container_id ?? `pod${labels.k8s_pod_uid}`)
    require(known !== undefined &&
      isExplained(known, value), `${name}${JSON.stringify(labels)} is ${value}, which no file says`)
  }
}

/** Adds the numbers in the files of every directory below one, by its name. */
function addNumbers(directory: string, into: Map<string, Set<number>>, version: Version): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const path = join(directory, entry.name)
    const numbers = into.get(entry.name) ?? new Set()
    into.set(entry.name, numbers)
    addNumbersOf(path, numbers, version)
    addNumbers(path, into, version)
  }
}

/** The numbers in the files of a directory: as they stand there, as microseconds, and as percent. */
function addNumbersOf(directory: string, into: Set<number>, version: Version): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const text = readFileSync(join(directory, entry.name), 'latin1')
    // What stands at the very end may be a part of a number.
    for (const [digits] of text.matchAll(/\d+(?:\.\d+)?(?=[^\d])/g)) {
      const [whole, decimals] = digits.split('.').map(Number)
      into.add(whole).add(whole / MICROSECONDS)
      if (version === 1) into.add(whole / NANOSECONDS).add(whole / TICKS_PER_SECOND)
      if (decimals !== undefined) into.add((whole * PERCENT + decimals) / PERCENT ** 2)
    }
  }
}

function isExplained(numbers: ReadonlySet<number>, value: number): boolean {
  if (numbers.has(value)) return true
  const isClose = (other: number) => Math.abs(other - value) <= TOLERANCE * value
  for (const a of numbers) {
    if (numbers.has(a + value) || numbers.has(a - value)) return true
    for (const b of numbers) if (isClose(a / b) || isClose(a - b)) return true
  }
  return false
}
