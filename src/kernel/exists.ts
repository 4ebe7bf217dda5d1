/** Whether there is something at a path. */
import { statSync } from 'node:fs'

/**
 * Says whether a path leads to something. Node's `existsSync` asks access(2), which goes by the real user alone: a process that
 * is not root may read more by its capabilities than access(2) says.
 */
export function exists(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch {
    return false
  }
}
