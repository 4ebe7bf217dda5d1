/** The limit of open files of this process (RLIMIT_NOFILE). */
import { Procfs } from './procfs/procfs.ts'

/** The soft limit, which Node.js raises to the hard one when it starts; 2^64 for none. */
export function ownOpenFilesLimit(): number {
  return new Procfs().openFilesLimit('/proc/self/')
}

/** The part of the agent's limit of open files that one collector may keep open. */
const CACHED_SHARE = 0.25

/** How many descriptors a collector may cache that wants to cache `wanted`. */
export function maxCachedDescriptors(wanted: number): number {
  return Math.min(wanted, ownOpenFilesLimit() * CACHED_SHARE)
}
