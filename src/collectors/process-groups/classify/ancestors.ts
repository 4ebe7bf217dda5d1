/** Whose group a process joins that no rule matches. */
import type { Group } from '../account/group.ts'
import type { KnownProcess } from '../track/known-process.ts'

/**
 * The group of the nearest ancestor that has one. A parent that was judged before and belongs to no group ends the search.
 *
 * @param known all processes, by PID.
 * @param unmatched those that no rule matched in this pass.
 */
export function ancestorsGroup(
  process: KnownProcess,
  known: ReadonlyMap<number, KnownProcess>,
  unmatched: ReadonlySet<KnownProcess>,
): Group | undefined {
  let ancestor = known.get(process.ppid)
  // Bounded, for a procfs that is read while it changes may show a circle.
  for (let steps = 0; steps <= unmatched.size && ancestor !== undefined; steps++) {
    if (ancestor.group !== undefined || !unmatched.has(ancestor)) return ancestor.group
    ancestor = known.get(ancestor.ppid)
  }
  return undefined
}
