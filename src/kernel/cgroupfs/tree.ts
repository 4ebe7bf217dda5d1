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

/** A directory whose children are being visited. */
interface Level {
  readonly directory: Directory
  readonly links: number
  rest: Iterator<Directory>
  /** Names that were visited before the directory was listed again; undefined before that. */
  except: ReadonlySet<string> | undefined
  /** Whether a child was removed. */
  hasGone: boolean
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
    yield* this.#visitAll(this.#top, stats.nlink)
  }

  /** Whether the cgroup that a walk found is there still, and no other one in its place. */
  isThere({ path, inode }: Pick<CgroupNode, 'path' | 'inode'>): boolean {
    try {
      return statSync(this.#root + path).ino === inode
    } catch {
      return false
    }
  }

  /** Depth first, with a stack: nested generators would hand on each cgroup once for each level above it. */
  *#visitAll(top: Directory, links: number): Generator<CgroupNode> {
    const above: Level[] = []
    this.#enter(top, links, above)
    yield top
    for (let level = above.at(-1); level !== undefined; level = above.at(-1)) {
      const { value: known, done } = level.rest.next()
      if (done) {
        if (!this.#listAgain(level)) above.pop()
        continue
      }
      if (level.except?.has(nameOf(known))) continue
      const child = this.#visitChild(known, level, above)
      if (child !== undefined) yield child
    }
  }

  /** Undefined for a child that was removed or is beyond the limit. */
  #visitChild(known: Directory, level: Level, above: Level[]): Directory | undefined {
    if (this.#count >= this.#limits.count) {
      this.omitted++
      return undefined
    }
    const { directory, except } = level
    const stats = this.#stat(known, except !== undefined)
    if (stats === undefined) {
      directory.children.delete(nameOf(known))
      level.hasGone = true
      return undefined
    }
    let child = known
    if (child.inode !== stats.ino) {
      child = newDirectory(known.path, stats.ino, stats)
      directory.children.set(nameOf(child), child)
    }
    this.#enter(child, stats.nlink, above)
    return child
  }

  #enter(directory: Directory, links: number, above: Level[]): void {
    this.#count++
    if (directory.links !== links) this.#list(directory, links)
    const { children } = directory
    if (above.length === this.#limits.depth) this.omitted += children.size
    else if (children.size > 0) {
      above.push({ directory, links, rest: children.values(), except: undefined, hasGone: false })
    }
  }

  /** Lists a directory again after a child was removed; false where that isn't needed, or was done before. */
  #listAgain(level: Level): boolean {
    if (!level.hasGone) return false
    const { directory, links, except } = level
    if (except !== undefined) {
      directory.links = -1
      return false
    }
    // A removed child may have been replaced by another one, which leaves the number of links the same.
    level.except = new Set(directory.children.keys())
    level.hasGone = false
    this.#list(directory, links)
    level.rest = directory.children.values()
    return true
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

function nameOf({ path }: Directory): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** @param times undefined before its first stat. */
function newDirectory(path: string, inode: number, times?: Stats): Directory {
  // Reading the directory moves the first of them, a new child the others.
  const time =
    times === undefined ? Number.NaN : Math.min(times.atimeMs, times.mtimeMs, times.ctimeMs)
  return { path, inode, time, links: -1, children: new Map() }
}
