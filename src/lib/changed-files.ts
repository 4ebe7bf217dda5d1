/** Notices changes of files. */
import { statSync } from 'node:fs'

/** Files whose changes are noticed. */
export class ChangedFiles {
  readonly #seen = new Map<string, string>()

  /** Takes the file as it is now; to be called before it is read, so that no change is missed. */
  note(path: string): void {
    this.#seen.set(path, stateOf(path))
  }

  /** Forgets all files. */
  clear(): void {
    this.#seen.clear()
  }

  /** Whether a file has been written, replaced, made or removed since it was noted. */
  haveChanged(): boolean {
    for (const [path, state] of this.#seen) if (stateOf(path) !== state) return true
    return false
  }
}

/** Includes the inode: a file of a ConfigMap or Secret is a link into a directory that is replaced. */
function stateOf(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
