/** A procfs whose files vanish while it is read, just before a reading, chosen by a seed. */
import { rmSync } from 'node:fs'
import { Procfs, type ProcfsOptions } from '../../src/kernel/procfs/procfs.ts'
import type { Dice } from '../support/random.ts'

const READINGS = [
  'tids',
  'stat',
  'status',
  'io',
  'openDescriptors',
  'openFilesLimit',
  'proportionalMemory',
  'cmdline',
  'titleHash',
  'cgroups',
  'wchan',
  'executable',
] as const satisfies (keyof Procfs)[]

const FILES = ['', 'stat', 'status', 'io', 'fd', 'task', 'smaps_rollup', 'limits', 'cmdline']

/** @param probability that something of a process is removed before one reading of it. */
export function vanishingProcfs(
  root: string,
  dice: Dice,
  probability: number,
  options: ProcfsOptions = {},
): Procfs {
  const procfs = new Procfs(root, options)
  for (const name of READINGS) {
    const read = procfs[name].bind(procfs) as (...args: unknown[]) => unknown
    const vanishing = (directory: string, ...rest: unknown[]) => {
      if (dice.chance(probability)) remove(`${directory}${dice.pick(FILES)}`)
      return read(directory, ...rest)
    }
    Object.assign(procfs, { [name]: vanishing })
  }
  return procfs
}

/** Also while root's rights are put aside. */
function remove(path: string): void {
  const user = process.geteuid?.() ?? 0
  const isPutAside = user !== process.getuid?.()
  if (isPutAside) process.seteuid?.(0)
  rmSync(path, { recursive: true, force: true })
  if (isPutAside) process.seteuid?.(user)
}
