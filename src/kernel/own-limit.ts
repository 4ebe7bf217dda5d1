/** How many files this process may have open. */
import { Procfs } from './procfs/procfs.ts'

/** The soft limit, which Node.js raises to the hard one when it starts; 2^64 for none. */
export function ownOpenFilesLimit(): number {
  return new Procfs().openFilesLimit('/proc/self/')
}
