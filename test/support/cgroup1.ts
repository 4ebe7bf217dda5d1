/** Cgroups made for a test, in hierarchies of cgroup v1. */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = '/sys/fs/cgroup'

/** Why no cgroup with these controllers can be made here; undefined where one can. */
export function noCgroupsV1(...controllers: string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  const missing = controllers.find(
    (controller) => !existsSync(join(ROOT, controller, 'cgroup.procs')),
  )
  return missing === undefined ? undefined : `needs cgroup v1 with the controller ${missing}`
}

/** A directory in the hierarchies of some controllers. */
export class CgroupV1 {
  readonly #directories: readonly string[]

  /** @param path below the roots. */
  constructor(path: string, controllers: readonly string[]) {
    this.#directories = controllers.map((controller) => join(ROOT, controller, path))
    for (const directory of this.#directories) mkdirSync(directory)
  }

  /** The files to which a process writes its number. */
  get procs(): string[] {
    return this.#directories.map((directory) => join(directory, 'cgroup.procs'))
  }

  remove(): void {
    for (const directory of this.#directories) if (existsSync(directory)) rmdirSync(directory)
  }
}
