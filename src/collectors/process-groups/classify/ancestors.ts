/** The group of a process that no rule matches: its nearest ancestor's. */
import type { Group } from '../account/group.ts'
import type { KnownProcess } from '../track/known-process.ts'

/**
 * The group of the nearest ancestor that has one. The search ends at a parent that was classified before and belongs to no group.
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
  // Bounded: procfs is read while processes change, so parents may form a cycle.
  for (let steps = 0; steps <= unmatched.size && ancestor !== undefined; steps++) {
    if (ancestor.group !== undefined || !unmatched.has(ancestor)) return ancestor.group
    ancestor = known.get(ancestor.ppid)
  }
  return undefined
}
