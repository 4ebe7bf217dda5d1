/** Generated trees are on a tmpfs where there is room, where creating files is several times faster than on a disk. */
import { statfsSync } from 'node:fs'
import type { Scope } from './children.ts'

const MEMORY = '/dev/shm'
const TMPFS_MAGIC = 0x01021994
/** Bytes that the largest crowd needs, and more. */
const ROOM = 2 * 1024 ** 3

/** Lets temporary directories be made in memory, until the scope ends. */
export function useMemory(scope: Scope): void {
  if (!hasRoom()) return
  const { TMPDIR } = process.env
  process.env.TMPDIR = MEMORY
  scope.onEnd(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
}

function hasRoom(): boolean {
  try {
    const { type, bavail, bsize } = statfsSync(MEMORY)
    return type === TMPFS_MAGIC && bavail * bsize >= ROOM
  } catch {
    return false
  }
}
