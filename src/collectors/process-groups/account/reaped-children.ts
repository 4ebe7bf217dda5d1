/**
 * What processes used that lived between two collections, and what others used after the last one that saw them.
 *
 * When a process waits for a child that has ended, the kernel adds all that the child and its own waited-for children
 * have used to the parent's `cutime`, `cstime`, `cminflt` and `cmajflt` (proc_pid_stat(5)). What of that was seen, and so
 * counted where it belongs, is taken off again; the rest counts in the parent's group. It can't be known in which of
 * several children's groups it would belong. A child that nobody waits for (`SIGCHLD` ignored) is lost.
 *
 * The bytes that a child had from and to storage are added to the parent's own in the same moment (proc_pid_io(5)), and so
 * have been credited to its group already; what was seen of the child is taken off.
 */
import type { Stat } from '../../../kernel/procfs/stat.ts'
import { add, increase } from '../../../kernel/u64.ts'
import type { TaskReader } from '../track/task-source.ts'
import type { Group } from './group.ts'
import type { Account, Usage } from './usage.ts'

/** Clock ticks, and page faults. */
interface StatUsage {
  utime: number
  stime: number
  minflt: number
  majflt: number
}

const KINDS = ['utime', 'stime', 'minflt', 'majflt'] as const satisfies (keyof StatUsage)[]

/** What the kernel said of a process last. */
export class ChildUsage {
  /** Who waits for it. */
  parent = 0
  /** Whether it is known to have ended, and is taken off what its parent has waited for. */
  hasExited = false
  readonly own: StatUsage = noStatUsage()
  readonly reaped: StatUsage = noStatUsage()

  /** Whether `stat` says the same as before. */
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

  /** Takes over what `stat` says; gives by how much more it has waited for. */
  update(stat: Stat): StatUsage {
    const before = { ...this.reaped }
    this.parent = stat.ppid
    this.hasExited = false
    this.own.utime = stat.utime
    this.own.stime = stat.stime
    this.own.minflt = Number(stat.minflt)
    this.own.majflt = Number(stat.majflt)
    this.reaped.utime = stat.cutime
    this.reaped.stime = stat.cstime
    this.reaped.minflt = Number(stat.cminflt)
    this.reaped.majflt = Number(stat.cmajflt)
    for (const kind of KINDS) before[kind] = Math.max(0, this.reaped[kind] - before[kind])
    return before
  }
}

/** A process, as far as this file goes. */
export interface Parent {
  readonly pid: number
  readonly start: number
  readonly directory: string
  readonly childUsage: ChildUsage
  readonly group: Group | undefined
  readonly comm: string
  /** Undefined until it was read as a member of a group. */
  readonly account: Account | undefined
  /** Undefined while it has only had one. */
  readonly threads: object | undefined
}

type Bytes = Pick<Usage, 'readBytes' | 'writeBytes'>

const BYTES = ['readBytes', 'writeBytes'] as const satisfies (keyof Bytes)[]

/** A process whose children have ended in this pass. */
interface Reaper {
  readonly parent: Parent
  /** What of their usage is not known to be counted. */
  readonly unaccounted: StatUsage
  /** The bytes with which it was credited before this pass; undefined where the kernel's are not counted. */
  readonly before: Bytes | undefined
  /** Of those credited in this pass, the ones that were seen of children. */
  readonly seen: Bytes
}

/** Usage of children that were reaped between two collections and were not read themselves. */
export class ReapedChildren {
  /** Of this pass: whose children have ended. */
  readonly #reapers = new Map<number, Reaper>()
  /** Of this pass: those that have ended. */
  readonly #ended = new Map<number, Parent>()

  /**
   * Takes over what `stat` says of a process.
   *
   * @param counts whether what it has waited for since the last reading is to be counted.
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

  /** Says that a known process has ended. */
  markExited(process: Parent): void {
    const { pid, childUsage } = process
    if (childUsage.hasExited) return
    childUsage.hasExited = true
    this.#ended.set(pid, process)
  }

  /**
   * Counts what nobody has counted, and begins the next pass.
   *
   * @param known who was there in this pass.
   * @param reader of this pass.
   */
  flush(known: ReadonlyMap<number, Parent>, reader: TaskReader): void {
    if (this.#reapers.size > 0) {
      this.#findEnded(known, reader)
      for (const process of this.#ended.values()) this.#subtract(process, known)
    }
    for (const { parent, unaccounted, seen } of this.#reapers.values()) {
      const { group, threads, comm } = parent
      group?.addReapedUsage(unaccounted)
      // The bytes of a process with one thread are credited to the name of that, too.
      group?.takeOffBytes(seen, threads === undefined ? comm : undefined)
    }
    this.#reapers.clear()
    this.#ended.clear()
  }

  /**
   * A child may have ended between its own reading and that of its parent, which has waited for it then: it is looked at
   * again, and where it has gone, so are its own children.
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
   * Takes what was seen of a process off what its parent has waited for. Where that has ended too, it may have waited
   * first or not, so it is those above who have it, the nearest or whoever takes in orphans.
   */
  #subtract({ childUsage, account }: Parent, known: ReadonlyMap<number, Parent>): void {
    const { own, reaped, parent } = childUsage
    const seen = noStatUsage()
    const bytes: Bytes = account?.hasIo ? { ...account.last } : noBytes()
    for (const kind of KINDS) seen[kind] = own[kind] + reaped[kind]
    let isOrphan = false
    for (let pid = parent, steps = 0; pid !== 0 && steps < MOST_STEPS; steps++) {
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

/** Moves bytes that were seen of a child to those seen in its parent, as far as that was credited with so many. */
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

/** A procfs that is read while it changes may show a circle. */
const MOST_STEPS = 100

function noStatUsage(): StatUsage {
  return { utime: 0, stime: 0, minflt: 0, majflt: 0 }
}
