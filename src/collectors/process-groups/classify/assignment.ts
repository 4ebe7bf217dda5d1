/** The result of matching a process against the rules. */
import { type CgroupOwner, ownerKey } from '../../../workloads/cgroup-path.ts'

/** The group that a process belongs to; groups with equal keys are one. */
export interface Assignment {
  readonly key: string
  readonly name: string
  /** Further attributes of the group, by name. */
  readonly labels: Readonly<Record<string, string>>
  /** How many groups of the rule are shown; undefined for all. */
  readonly limit: Limit | undefined
  /** The container or pod that the group is limited to; undefined for a group over all workloads. */
  readonly owner?: CgroupOwner
  /** The assignment by the rule alone, where there is an owner. */
  readonly base?: Assignment
}

/** Bounds the groups of one rule: the largest are shown, the others only in sum. */
export interface Limit {
  readonly top: number
  readonly by: 'cpu' | 'memory' | 'io'
  /** The name under which the others are added up; undefined to leave them out. */
  readonly other: string | undefined
}

/** The assignment to a group; undefined when no rule matches, `'ignored'` when the matching rule has `ignore`. */
export type Match = Assignment | 'ignored' | undefined

/** Makes the assignment to a group by its name, labels and limit; equal names and labels give equal keys. */
export function assignment(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  limit?: Limit,
): Assignment {
  const values = Object.values(labels)
  const key = values.length === 0 ? name : JSON.stringify([name, labels])
  return { key, name, labels, limit }
}

/** The part of a group that belongs to one owner; processes of the host stay in the group as it is. */
export function ofOwner(assignment: Assignment, owner: CgroupOwner): Assignment {
  const base = assignment.base ?? assignment
  if (owner.scope === 'host') return base
  return { ...base, key: `${base.key}\n${ownerKey(owner)}`, owner, base }
}
