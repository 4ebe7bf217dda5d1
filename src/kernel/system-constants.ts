/**
 * Constants of this machine that the kernel hands to every program in its auxiliary vector
 * (getauxval(3), `AT_PAGESZ` and `AT_CLKTCK`).
 */
import { readFileSync } from 'node:fs'

/** Units of the values in procfs. */
export interface SystemConstants {
  /** Bytes in a page of memory: the unit of `rss`. */
  readonly pageSize: number
  /** Clock ticks in a second: the unit of `utime`, `stime` and `starttime`. */
  readonly ticksPerSecond: number
}

const AT_PAGESZ = 6n
const AT_CLKTCK = 17n
/** What Linux has on nearly all machines; used where the vector can't be read. */
const USUAL: SystemConstants = { pageSize: 4096, ticksPerSecond: 100 }

/** Reads the constants from the agent's own auxiliary vector (64-bit machines). */
export function readSystemConstants(path = '/proc/self/auxv'): SystemConstants {
  const vector = readVector(path)
  return {
    pageSize: vector.get(AT_PAGESZ) ?? USUAL.pageSize,
    ticksPerSecond: vector.get(AT_CLKTCK) ?? USUAL.ticksPerSecond,
  }
}

function readVector(path: string): Map<bigint, number> {
  const entries = new Map<bigint, number>()
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return entries
  }
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    entries.set(bytes.readBigUInt64LE(at), Number(bytes.readBigUInt64LE(at + 8)))
  }
  return entries
}
