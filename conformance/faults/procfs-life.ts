/**
 * A node with generated faults in its procfs while the collector reads it, and the invariants that hold nevertheless.
 *
 * Every process has a group of its own, named by its PID: so each value can be compared with what the files of that
 * process say, read once more by other means.
 */
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import type { Snapshot } from '../../src/telemetry/sampler.ts'
import { compareTimes } from '../../src/telemetry/time.ts'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { processGroups } from '../../test/support/process-groups.ts'
import { type Process, ProcfsTree, type Task } from '../../test/support/procfs-tree.ts'
import { require } from '../check.ts'
import { Dice } from '../support/random.ts'
import type { Area } from './area.ts'
import { BlockingFifos } from './blocking.ts'
import { asNobody, damageFile, noise } from './damage.ts'
import { ProcessOracle } from './oracle.ts'
import { type Page, readPage, requireNoFall } from './page.ts'
import { vanishingProcfs } from './vanishing.ts'
import type { Watch } from './watch.ts'

/** A part of a limit of 0 is infinite. */
const ODD = ['worst_fd_ratio']
/** As process-exporter has it, what has no member began in the year 1, and CPU times fall with what is read. */
const ODD_IN_STRICT_MODE = [
  ...ODD,
  'oldest_start_time_seconds',
  'cpu_seconds_total',
  'thread_cpu_seconds_total',
]
const MAX_PIDS = 5
const HARMLESS_NAMES = ['app', 'a b', 'x) S 1 (y', ')', 'ü', '(', 'a\nb']
const FILES = [
  'stat',
  'stat',
  'status',
  'io',
  'smaps_rollup',
  'limits',
  'cmdline',
  'wchan',
  'cgroup',
]
/** As `{{.PID}}` for everybody, with a command line or without. */
const BY_PID = [{ name: '{{.PID}}', cmdline: ['(?s).*'] }]
const BY_ANYTHING = [
  {
    name: '{{.Comm}}|{{.ExeBase}}|{{.Username}}|{{.StartTime}}|{{.Cgroups}}|{{.Matches}}',
    cmdline: ['(?s)^(?P<x>.{0,40})'],
    labels: { parent: '{{.Parent}}', uid: '{{.UID}}' },
  },
]

const COLLECTIONS = 5
/** The part of the lives in which reads block: each costs some time limits. */
const BLOCKING = 0.02
/** Milliseconds. */
const TIME_LIMIT = 20
/** Where a task may sleep that has locked its memory map; in `do_wait` none has. */
const IN_MAP = 'folio_wait_bit'
/** Of the pool's four threads at least. */
const PLACES = 2

/** Each seed is the life of a node, of some collections. */
export const PROCFS_LIVES: Area = {
  name: 'procfs',
  share: 0.5,
  casesOfSeed: COLLECTIONS,
  open: async (_, watch) => (seed) => liveWithProcfs(seed, watch),
}

async function liveWithProcfs(seed: number, watch: Watch): Promise<void> {
  const dice = new Dice(seed)
  const hasSchedstat = dice.chance(0.3)
  const tree = new ProcfsTree(hasSchedstat)
  const fifos = dice.chance(BLOCKING) ? new BlockingFifos() : undefined
  const { now } = Date
  // Otherwise only root could read it.
  chmodSync(tree.root, 0o755)
  try {
    await live(dice, new Node(tree, dice, hasSchedstat, fifos), watch)
  } finally {
    Date.now = now
    await fifos?.dispose()
    tree.dispose()
  }
}

async function live(dice: Dice, node: Node, watch: Watch): Promise<void> {
  const { tree, hasSchedstat, fifos } = node
  const { root } = tree
  const strict = dice.chance(0.1)
  const odd = new Set(
    (strict ? ODD_IN_STRICT_MODE : ODD).map((name) => `namedprocess_namegroup_${name}`),
  )
  const isByPid = dice.chance(0.8)
  const vanishes = dice.chance(0.4) ? 0.02 : 0
  // Putting rights aside takes longer than a collection.
  const isNobody = dice.chance(0.2)
  const refresh = dice.pick([0, 0, 60_000])
  // What has not run is not read again, and so nothing is told of what is wrong with it.
  const isRecalled = hasSchedstat && refresh > 0
  const isBlocking = fifos !== undefined
  const procfsOptions = isBlocking ? { timeLimit: TIME_LIMIT, places: PLACES } : {}
  const isClockSet = dice.chance(0.1)
  // In which order files are read depends on the thread pool; what becomes of the node must not.
  const vanishing = new Dice(dice.integer(0, 2 ** 31))
  const groups = processGroups(root, {
    rules: isByPid ? BY_PID : BY_ANYTHING,
    children: false,
    strict,
    threads: dice.chance(0.8),
    smaps: dice.chance(0.8),
    refresh,
    regroup: dice.pick(['exec', 'title', 'off']),
    ...(vanishes > 0 && { procfs: vanishingProcfs(root, vanishing, vanishes, procfsOptions) }),
    ...(vanishes === 0 && isBlocking && { procfs: new Procfs(root, procfsOptions) }),
    // Others have their turn after every process.
    slice: new TimeSlice(0),
  })
  const oracle = new ProcessOracle(root)
  let before: Page | undefined
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    node.change()
    oracle.read()
    if (isClockSet) setClock(dice.pick([-86_400_000, -3000, 0, 3_600_000, 1e11]))
    const page = readPage(
      await watch.over(() => (isNobody ? asNobody(groups.text) : groups.text())),
      odd,
    )
    oracle.endVanished()
    requireStartsBeforeTimes(groups.sampler.latest?.scopes ?? [])
    require(groups.errors.length === 0, `a collection failed: ${groups.errors[0]}`)
    if (!strict) {
      if (before !== undefined) requireNoFall(before, page)
      if (!isRecalled) oracle.requireTold(before, page)
      if (isByPid) oracle.requireExplained(page, { mayVanish: vanishes > 0, isRecalled })
    }
    before = page
  }
}

/** @param milliseconds by which the wall clock is off from now on. */
function setClock(milliseconds: number): void {
  Date.now = () => Math.floor(performance.timeOrigin + performance.now() + milliseconds)
}

/** @throws Error when a point is from before its start. */
function requireStartsBeforeTimes(scopes: Snapshot['scopes']): void {
  for (const { descriptor, dataPoints } of scopes.flatMap(({ metrics }) => metrics)) {
    for (const { startTime, endTime } of dataPoints) {
      require(compareTimes(startTime, endTime) <=
        0, `a point of ${descriptor.name} is before its start`)
    }
  }
}

/** Processes that live, write their files, and die, and whose files are damaged. */
class Node {
  readonly tree: ProcfsTree
  readonly hasSchedstat: boolean
  /** Where some files block. */
  readonly fifos: BlockingFifos | undefined
  readonly #dice: Dice
  readonly #processes = new Map<number, Process>()
  #starts = 100

  constructor(
    tree: ProcfsTree,
    dice: Dice,
    hasSchedstat: boolean,
    fifos: BlockingFifos | undefined,
  ) {
    this.tree = tree
    this.hasSchedstat = hasSchedstat
    this.fifos = fifos
    this.#dice = dice
  }

  change(): void {
    const dice = this.#dice
    for (let pid = 1; pid <= MAX_PIDS; pid++) {
      const process = this.#processes.get(pid)
      if (process === undefined) {
        if (dice.chance(0.5)) this.#write(pid, this.#born())
      } else {
        this.#next(pid, process)
      }
    }
    dice.list(0, 3, () => this.#damage(dice.integer(1, MAX_PIDS)))
  }

  #next(pid: number, process: Process): void {
    const action = this.#dice.integer(0, 9)
    if (action === 0) {
      this.#processes.delete(pid)
      this.tree.remove(pid)
    } else if (action === 1) {
      this.#write(pid, this.#born())
    } else if (action < 8) {
      this.#write(pid, { ...process, ...this.#used(process) })
    }
  }

  /** Later than the first collection, so that all of its usage counts, or long before it. */
  #born(): Process {
    const dice = this.#dice
    return {
      comm: dice.chance(0.5) ? dice.pick(HARMLESS_NAMES) : noise(dice, 15),
      argv: dice.chance(0.02)
        ? ['x'.repeat(1024 * 1024)]
        : dice.list(0, 4, () => (dice.chance(0.5) ? noise(dice, 20) : '/usr/bin/app')),
      ppid: dice.integer(0, MAX_PIDS),
      uid: dice.pick([0, 1, 4_294_967_294]),
      starttime: dice.pick([0, 100_000_000_000]) + this.#starts++,
      cgroups: dice.list(0, 2, () => dice.pick(['/', '/kubepods/x', '/a:b'])),
      openFilesLimit: dice.pick([1024, 'unlimited', 0]),
      ...this.#used({}),
      ...(dice.chance(0.3) && { threads: this.#threads() }),
    }
  }

  #threads(): Record<number, Task> {
    const dice = this.#dice
    const tids = dice.list(2, 4, () => dice.integer(1000, 9999))
    return Object.fromEntries(
      tids.map((tid) => [tid, { comm: noise(dice, 15), ...this.#used({}) }]),
    )
  }

  /** Counters that have risen, and other holdings. */
  #used(before: Task): Process {
    const dice = this.#dice
    const more = (value: number | bigint = 0) => Number(value) + dice.pick([0, 1, 1000])
    return {
      utime: more(before.utime),
      stime: more(before.stime),
      minflt: more(before.minflt),
      majflt: more(before.majflt),
      cutime: more(before.cutime),
      cstime: more(before.cstime),
      cminflt: more(before.cminflt),
      cmajflt: more(before.cmajflt),
      voluntary: more(before.voluntary),
      nonvoluntary: more(before.nonvoluntary),
      readBytes: more(before.readBytes),
      writeBytes: more(before.writeBytes),
      state: dice.pick(['R', 'S', 'D', 'Z', 'T', '?']),
      wchan: dice.pick([
        '0',
        '',
        this.fifos === undefined ? 'do_wait' : IN_MAP,
        'x'.repeat(200),
        'é\n',
      ]),
      rss: dice.integer(-3, 1000),
      vsize: dice.integer(0, 2 ** 40),
      swap: dice.integer(0, 1000),
      pss: dice.integer(0, 1000),
      openFiles: dice.integer(0, 5),
      // It has run, if it has used anything; what it holds may be another's doing.
      ...(this.hasSchedstat && { runs: (before.runs ?? 0) + 1 }),
    }
  }

  #write(pid: number, process: Process): void {
    this.#processes.set(pid, process)
    this.tree.set(pid, process)
  }

  /** What is damaged stays so until the process runs again. */
  #damage(pid: number): void {
    const dice = this.#dice
    const directory = join(this.tree.root, String(pid))
    if (!existsSync(directory)) return
    if (dice.chance(0.3)) {
      this.fifos?.block(join(directory, dice.pick(['cmdline', 'smaps_rollup'])))
      return
    }
    const tasks = join(directory, 'task')
    if (dice.chance(0.15)) {
      const name = dice.pick(['task', 'fd'])
      if (dice.chance(0.5)) rmSync(join(directory, name), { recursive: true, force: true })
      else if (existsSync(join(directory, name))) chmodSync(join(directory, name), 0)
    } else if (dice.chance(0.3) && existsSync(tasks)) {
      const tids = readdirSync(tasks)
      if (tids.length > 0) damageFile(dice, join(tasks, dice.pick(tids), dice.pick(FILES)))
    } else {
      damageFile(dice, join(directory, dice.pick(FILES)))
    }
  }
}
