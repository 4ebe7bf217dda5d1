/**
 * The directories of a cgroup hierarchy, remembered from one walk to the next.
 *
 * A directory is listed again only when its number of links has changed, or a child was removed: kernfs counts a
 * link for each child, but does not always update the modification time. So a walk costs one stat per cgroup.
 */
import { readdirSync, type Stats, statSync } from 'node:fs'

/** A cgroup that a walk found. */
export interface CgroupNode {
  /** Below the root, with a slash before each name; empty for the root. */
  readonly path: string
  /** Tells a cgroup from a later one of the same path. */
  readonly inode: number
  /**
   * Milliseconds since the epoch, by the wall clock: the earliest time that the kernel has for the directory. The kernel
   * doesn't keep when a cgroup was created, but when it was first looked up, which its creator does at once.
   */
  readonly time: number
}

interface Directory extends CgroupNode {
  links: number
  children: Map<string, Directory>
}

/** How many levels below the root, and how many cgroups, a walk visits. */
export interface TreeLimits {
  readonly depth: number
  readonly count: number
}

/** The tree of cgroups below a directory, walked once per collection. */
export class CgroupTree {
  /** Cgroups that the last walk left out because of `limits`, or because their directories are not accessible. */
  omitted = 0
  readonly #root: string
  readonly #limits: TreeLimits
  #top: Directory | undefined
  #count = 0

  constructor(root: string, limits: TreeLimits) {
    this.#root = root
    this.#limits = limits
  }

  /**
   * Every cgroup, those above before those below. The tree may change while the caller does something else.
   *
   * @throws NodeJS.ErrnoException when the root can't be read.
   */
  *walk(): Generator<CgroupNode> {
    this.#count = 0
    this.omitted = 0
    const stats = statSync(this.#root)
    if (this.#top?.inode !== stats.ino) this.#top = newDirectory('', stats.ino, stats)
    yield* this.#visit(this.#top, stats.nlink, 0)
  }

  /** Whether the cgroup that a walk found is there still, and no other one in its place. */
  isThere({ path, inode }: Pick<CgroupNode, 'path' | 'inode'>): boolean {
    try {
      return statSync(this.#root + path).ino === inode
    } catch {
      return false
    }
  }

  *#visit(directory: Directory, links: number, depth: number): Generator<CgroupNode> {
    this.#count++
    yield directory
    if (directory.links !== links) this.#list(directory, links)
    if (depth === this.#limits.depth) {
      this.omitted += directory.children.size
      return
    }
    let hasGone = yield* this.#visitChildren(directory, depth)
    // A removed child may have been replaced by another one, which leaves the number of links the same.
    if (hasGone) {
      const known = new Set(directory.children.keys())
      this.#list(directory, links)
      hasGone = yield* this.#visitChildren(directory, depth, known)
      if (hasGone) directory.links = -1
    }
  }

  /** Whether a child was removed. */
  *#visitChildren(
    directory: Directory,
    depth: number,
    except?: ReadonlySet<string>,
  ): Generator<CgroupNode, boolean> {
    let hasGone = false
    for (const [name, known] of directory.children) {
      if (except?.has(name)) continue
      if (this.#count >= this.#limits.count) {
        this.omitted++
        continue
      }
      const stats = this.#stat(known, except !== undefined)
      if (stats === undefined) {
        directory.children.delete(name)
        hasGone = true
        continue
      }
      let child = known
      if (child.inode !== stats.ino) {
        child = newDirectory(known.path, stats.ino, stats)
        directory.children.set(name, child)
      }
      yield* this.#visit(child, stats.nlink, depth + 1)
    }
    return hasGone
  }

  /**
   * Undefined for a directory that was removed or is not accessible; other cgroups are not affected.
   *
   * @param isFresh whether it was listed just now.
   */
  #stat({ path }: Directory, isFresh: boolean): Stats | undefined {
    try {
      return statSync(this.#root + path, { throwIfNoEntry: false })
    } catch {
      if (isFresh) this.omitted++
      return undefined
    }
  }

  #list(directory: Directory, links: number): void {
    const children = new Map<string, Directory>()
    try {
      const entries = readdirSync(this.#root + directory.path, { withFileTypes: true })
      for (const entry of entries) {
        if (!entry.isDirectory()) continue
        const path = `${directory.path}/${entry.name}`
        children.set(entry.name, directory.children.get(entry.name) ?? newDirectory(path, -1))
      }
      directory.links = links
    } catch {
      // It was removed meanwhile, or is not accessible: it is listed again next time.
      directory.links = -1
    }
    directory.children = children
  }
}

/** @param times undefined before its first stat. */
function newDirectory(path: string, inode: number, times?: Stats): Directory {
  // Reading the directory moves the first of them, a new child the others.
  const time =
    times === undefined ? Number.NaN : Math.min(times.atimeMs, times.mtimeMs, times.ctimeMs)
  return { path, inode, time, links: -1, children: new Map() }
}
