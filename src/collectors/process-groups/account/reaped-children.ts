/**
 * Usage of processes that started and exited between two collections, and usage of others after they were last read.
 *
 * When a process reaps a child (wait(2)), the kernel adds the usage of the child, and of the children that the child has
 * reaped, to the parent's `cutime`, `cstime`, `cminflt` and `cmajflt` (proc_pid_stat(5)). The part that was read from the
 * child itself has been counted in the child's group and is subtracted; the rest counts in the parent's group, since the
 * group of a child that was never read is unknown. The usage of a child that is not waited for (`SIGCHLD` ignored) is lost.
 *
 * At the same moment the kernel adds the child's storage bytes to the parent's own (proc_pid_io(5)). They have been credited
 * to the parent's group already, so the part that was read from the child is subtracted there.
 */
import type { Stat } from '../../../kernel/procfs/stat.ts'
import { add, increase } from '../../../kernel/u64.ts'
import type { TaskReader } from '../track/task-source.ts'
import type { Group } from './group.ts'
import type { Account, Usage } from './usage.ts'

/** Usage as `stat` shows it: CPU times in clock ticks, and numbers of page faults. */
interface StatUsage {
  utime: number
  stime: number
  minflt: number
  majflt: number
}

const KINDS = ['utime', 'stime', 'minflt', 'majflt'] as const satisfies (keyof StatUsage)[]

/** Usage of a process, and of the children that it has reaped, when it was last read. */
export class ChildUsage {
  /** PID of its parent, which will reap it. */
  parent = 0
  /** Whether it is known to have exited; then its usage is subtracted from what its parent has reaped. */
  hasExited = false
  readonly own: StatUsage = noStatUsage()
  readonly reaped: StatUsage = noStatUsage()

  /** Whether `stat` shows the same as before. */
  isUpToDate(stat: Stat): boolean {
    const { own, reaped } = this
    return (
      !this.hasExited &&
      own.utime === stat.utime &&
      own.stime === stat.stime &&
      own.minflt === stat.minflt &&
      reaped.utime === stat.cutime &&
      reaped.stime === stat.cstime &&
      reaped.minflt === stat.cminflt &&
      this.parent === stat.ppid
    )
  }

  /** Stores the usage of the process itself: what is credited must be what is subtracted later. */
  updateOwn(stat: Stat): void {
    this.own.utime = stat.utime
    this.own.stime = stat.stime
    this.own.minflt = Number(stat.minflt)
    this.own.majflt = Number(stat.majflt)
  }

  /** Stores what `stat` shows; returns the increase of the usage of reaped children. */
  update(stat: Stat): StatUsage {
    const before = { ...this.reaped }
    this.parent = stat.ppid
    this.hasExited = false
    this.updateOwn(stat)
    this.reaped.utime = stat.cutime
    this.reaped.stime = stat.cstime
    this.reaped.minflt = Number(stat.cminflt)
    this.reaped.majflt = Number(stat.cmajflt)
    for (const kind of KINDS) before[kind] = Math.max(0, this.reaped[kind] - before[kind])
    return before
  }
}

/** What is needed of a process here. */
export interface Parent {
  readonly pid: number
  readonly start: number
  readonly directory: string
  readonly childUsage: ChildUsage
  readonly group: Group | undefined
  readonly comm: string
  /** Undefined until it was read as a member of a group. */
  readonly account: Account | undefined
  /** Undefined while it has had one thread only. */
  readonly threads: object | undefined
}

type Bytes = Pick<Usage, 'readBytes' | 'writeBytes'>

const BYTES = ['readBytes', 'writeBytes'] as const satisfies (keyof Bytes)[]

/** A process that has reaped children since the last pass. */
interface Reaper {
  readonly parent: Parent
  /** The part of the children's usage that has not been counted yet. */
  readonly unaccounted: StatUsage
  /** Storage bytes that were credited before this pass; undefined where storage I/O can't be read. */
  readonly before: Bytes | undefined
  /** The part of the bytes credited in this pass that was read from children. */
  readonly seen: Bytes
}

/** Usage of children that were reaped between two collections and were not read themselves. */
export class ReapedChildren {
  /** Processes that have reaped children, by PID; of this pass. */
  readonly #reapers = new Map<number, Reaper>()
  /** Processes that have exited, by PID; of this pass. */
  readonly #ended = new Map<number, Parent>()

  /**
   * Stores what `stat` shows of a process.
   *
   * @param counts whether the usage of children that it has reaped since the last reading is to be counted.
   */
  update(parent: Parent, stat: Stat, counts: boolean): void {
    if (parent.childUsage.isUpToDate(stat)) return
    const unaccounted = parent.childUsage.update(stat)
    if (counts && KINDS.some((kind) => unaccounted[kind] > 0)) {
      const { account } = parent
      const before = account?.hasIo ? { ...account.last } : undefined
      this.#reapers.set(parent.pid, { parent, unaccounted, before, seen: noBytes() })
    }
  }

  /** Marks a known process as exited. */
  markExited(process: Parent): void {
    const { pid, childUsage } = process
    if (childUsage.hasExited) return
    childUsage.hasExited = true
    this.#ended.set(pid, process)
  }

  /**
   * Adds the usage that has not been counted yet to the groups of the parents, and begins the next pass.
   *
   * @param known processes that were listed in this pass, by PID.
   * @param reader of this pass.
   * @param counts whether what children have used is counted; else only bytes that were seen of them are taken off.
   */
  flush(known: ReadonlyMap<number, Parent>, reader: TaskReader, counts = true): void {
    if (this.#reapers.size > 0) {
      this.#findEnded(known, reader)
      for (const process of this.#ended.values()) this.#subtract(process, known)
    }
    for (const { parent, unaccounted, seen } of this.#reapers.values()) {
      const { group, threads, comm } = parent
      if (counts) group?.addReapedUsage(unaccounted)
      // The bytes of a process with a single thread are credited to that thread's name, too.
      group?.takeOffBytes(seen, threads === undefined ? comm : undefined)
    }
    this.#reapers.clear()
    this.#ended.clear()
  }

  /**
   * A child may have exited after it was read and before its parent was read, which has reaped it then. So the children of
   * such parents are checked once more, and the children of those that have exited.
   */
  #findEnded(known: ReadonlyMap<number, Parent>, reader: TaskReader): void {
    const children = Map.groupBy(known.values(), ({ childUsage }) => childUsage.parent)
    const parents = [...this.#reapers.keys(), ...this.#ended.keys()]
    for (let pid = parents.pop(); pid !== undefined; pid = parents.pop()) {
      for (const child of children.get(pid) ?? []) {
        if (child.childUsage.hasExited || reader.isThere(child)) continue
        this.markExited(child)
        parents.push(child.pid)
      }
    }
  }

  /**
   * Subtracts the usage that was read from an exited process from the usage that its parent has reaped. If the parent has
   * exited too, the usage may have gone to the nearest ancestor that is alive, or to the process that adopts orphans.
   */
  #subtract({ childUsage, account }: Parent, known: ReadonlyMap<number, Parent>): void {
    const { own, reaped, parent } = childUsage
    const seen = noStatUsage()
    const bytes: Bytes = account?.hasIo ? { ...account.last } : noBytes()
    for (const kind of KINDS) seen[kind] = own[kind] + reaped[kind]
    let isOrphan = false
    for (let pid = parent, steps = 0; pid !== 0 && steps < MAX_STEPS; steps++) {
      const ended = this.#ended.get(pid)
      isOrphan ||= ended !== undefined
      const reaper = this.#reapers.get(pid)
      if (reaper !== undefined) {
        moveOff(seen, reaper.unaccounted)
        moveBytes(bytes, reaper)
      }
      if (!isOrphan) return
      pid = (ended ?? known.get(pid))?.childUsage.parent ?? 0
    }
  }
}

function moveOff(seen: StatUsage, unaccounted: StatUsage): void {
  for (const kind of KINDS) {
    const part = Math.min(seen[kind], unaccounted[kind])
    unaccounted[kind] -= part
    seen[kind] -= part
  }
}

/** Moves bytes that were read from a child to `seen` of its parent, up to the number that the parent was credited with. */
function moveBytes(bytes: Bytes, { parent, before, seen }: Reaper): void {
  const { account } = parent
  if (before === undefined || account === undefined) return
  for (const kind of BYTES) {
    const credited = increase(before[kind], account.last[kind])
    const left = increase(seen[kind], credited)
    const part = bytes[kind] < left ? bytes[kind] : left
    seen[kind] = add(seen[kind], part)
    bytes[kind] = increase(part, bytes[kind])
  }
}

function noBytes(): Bytes {
  return { readBytes: 0, writeBytes: 0 }
}

/** Procfs is read while processes change, so parents may form a cycle. */
const MAX_STEPS = 100

function noStatUsage(): StatUsage {
  return { utime: 0, stime: 0, minflt: 0, majflt: 0 }
}
