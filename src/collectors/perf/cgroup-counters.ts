/** Perf counters of cgroups. */
import { readFileSync } from 'node:fs'
import type { HrTime } from '@opentelemetry/api'
import type { Level } from '../../entities/cgroup-selection.ts'
import { compileInclude, select } from '../../entities/cgroup-selection.ts'
import { KnownCgroup } from '../../entities/known-cgroup.ts'
import { NewestCgroups } from '../../entities/newest-cgroups.ts'
import type { CgroupTree } from '../../kernel/cgroupfs/tree.ts'
import {
  type CounterParts,
  type Counters,
  type Counts,
  countCgroup,
} from '../../kernel/perf-events/counters.ts'
import type { WholeMatch } from '../../lib/re2.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { FIRST_PROCESS } from './definitions.ts'

/** What `CgroupCounters` needs. */
export interface CgroupCountersOptions {
  /** The mount of the hierarchy that counts by cgroup. */
  readonly root: string
  readonly parts: Omit<CounterParts, 'onFailure'>
  /** Descriptors that may be used. */
  readonly budget: number
  readonly workloads: Workloads
  readonly options: { readonly scopes: readonly Level[]; readonly include: readonly string[] }
  readonly notify: (message: string) => void
}

interface Open {
  readonly cgroup: KnownCgroup
  readonly counters: Counters
}

/** The first PID in `cgroup.procs`, which is that of the oldest process; undefined where there is none. */
function firstProcess(directory: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(`${directory}/cgroup.procs`, 'latin1'), 10)
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Perf counters of cgroups: opened when a cgroup appears, closed when it goes, within a budget of descriptors. */
export class CgroupCounters {
  descriptors = 0
  /** Cgroups of the last pass for which there were no descriptors left. */
  omitted = 0
  errors = 0
  readonly #options: CgroupCountersOptions
  readonly #include: readonly WholeMatch[]
  readonly #open = new Map<string, Open>()
  readonly #newest = new NewestCgroups()
  #version = 0
  #hasNotified = false

  constructor(options: CgroupCountersOptions) {
    this.#options = options
    this.#include = compileInclude(options.options.include)
  }

  /**
   * Reads the counters of every cgroup.
   *
   * @param time of the collection: the start of counters that it opens.
   */
  async collect(
    tree: CgroupTree,
    slice: TimeSlice,
    time: HrTime,
    observe: (cgroup: KnownCgroup, counts: Counts) => void,
  ): Promise<void> {
    slice.begin()
    const seen = new Set<string>()
    const fresh: { readonly path: string; readonly inode: number }[] = []
    for (const { path, inode } of tree.walk()) {
      if (slice.isOver()) await slice.next()
      if (this.#open.get(path)?.cgroup.inode === inode) seen.add(path)
      else fresh.push({ path, inode })
    }
    // Removed cgroups make room for new ones.
    for (const path of this.#open.keys()) if (!seen.has(path)) this.#close(path)
    this.omitted = 0
    for (const { path, inode } of fresh) {
      if (slice.isOver()) await slice.next()
      this.#add(path, inode, time)
    }
    this.#rename()
    const cgroups = this.#open.values().map(({ cgroup }) => cgroup)
    for (const cgroup of this.#newest.of(cgroups)) {
      if (slice.isOver()) await slice.next()
      try {
        observe(cgroup, (this.#open.get(cgroup.path) as Open).counters.read())
      } catch {
        this.errors++
      }
    }
  }

  /** Closes all counters. */
  close(): void {
    for (const path of this.#open.keys()) this.#close(path)
  }

  #add(path: string, inode: number, start: HrTime): void {
    const { root, parts, workloads, options, budget } = this.#options
    const selected = select(path, this.#include)
    if (selected === undefined || !options.scopes.includes(selected.level)) return
    const first = selected.level === 'container' ? firstProcess(`${root}${path}`) : undefined
    const own = first === undefined ? {} : { [FIRST_PROCESS]: first }
    const cgroup = new KnownCgroup(path, inode, selected, start, workloads, own)
    if (this.descriptors + parts.events.length * parts.cpus.length > budget) {
      this.omitted++
      this.#notifyBudget()
      return
    }
    try {
      const onFailure = () => this.errors++
      const counters = countCgroup(`${root}${path}`, { ...parts, onFailure })
      this.descriptors += counters.size
      this.#open.set(path, { cgroup, counters })
    } catch {
      // The cgroup has been removed already.
    }
  }

  #close(path: string): void {
    const open = this.#open.get(path)
    if (open === undefined) return
    this.descriptors -= open.counters.size
    open.counters.close()
    this.#open.delete(path)
  }

  #rename(): void {
    const { workloads } = this.#options
    for (const { cgroup } of this.#open.values()) {
      const { level, owner } = cgroup.selected
      // Unknown names are requested again.
      if (level !== 'cgroup') workloads.name(owner)
      if (this.#version !== workloads.version) cgroup.rename(workloads)
    }
    this.#version = workloads.version
  }

  #notifyBudget(): void {
    if (this.#hasNotified) return
    this.#hasNotified = true
    const { budget, notify } = this.#options
    notify(
      `perf events of some cgroups are not counted: ${budget} descriptors are not enough; raise perf.max_fds ` +
        'and the limit of open files, or count fewer events',
    )
  }
}
