/** How many files this process may have open. */
import { Procfs } from './procfs/procfs.ts'

/** The soft limit, which Node.js raises to the hard one when it starts; 2^64 for none. */
export function ownOpenFilesLimit(): number {
  return new Procfs().openFilesLimit('/proc/self/')
}

/** Of the files that the agent may open, for those that one collector keeps open. */
const CACHED_SHARE = 0.25

/** How many files a collector may keep open that wants to keep so many. */
export function maxCachedDescriptors(wanted: number): number {
  return Math.min(wanted, ownOpenFilesLimit() * CACHED_SHARE)
}
