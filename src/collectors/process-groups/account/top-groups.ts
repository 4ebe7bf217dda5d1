/**
 * Shows, of the groups of a rule with a limit, the largest ones and the sum of all others.
 *
 * Whatever a process uses counts in one series only: in its group's while that is among the largest, in that of
 * the others else. So no counter falls when the order changes, and sums are right.
 */
import type { HrTime } from '@opentelemetry/api'
import { assignment, type Limit } from '../classify/assignment.ts'
import { Group } from './group.ts'
import { type Account, ALL_KNOWN, credit, noUsage, openAccount, type Usage } from './usage.ts'

/** What a group was found to use and hold in this pass, to be compared by. */
interface Candidate {
  readonly group: Group
  readonly increase: Usage
  readonly exits: number
  readonly restarts: number
}

/** Selects the groups that are exported: of rules with a limit the largest ones, and one sum of all others. */
export class TopGroups {
  readonly #created: HrTime
  /** How much of the usage of a group has been shown, under one name or the other. */
  readonly #accounts = new WeakMap<Group, Account>()
  readonly #lives = new WeakMap<Group, { readonly exits: number; readonly restarts: number }>()
  readonly #others = new Map<string, Group>()

  /** @param created since when the sums of others count. */
  constructor(created: HrTime) {
    this.#created = created
  }

  /** The groups to show after a pass. Hidden ones without members are forgotten. */
  select(groups: Map<string, Group>): Iterable<Group> {
    const limited = new Map<Limit, Candidate[]>()
    for (const group of groups.values()) {
      const { limit } = group.assignment
      if (limit === undefined) continue
      const candidates = limited.get(limit) ?? []
      candidates.push({ group, increase: this.#increase(group), ...this.#ended(group) })
      limited.set(limit, candidates)
    }
    if (limited.size === 0 && this.#others.size === 0) return groups.values()
    const hidden = new Set<Group>()
    for (const other of this.#others.values()) other.beginPass()
    for (const [limit, candidates] of limited) {
      candidates.sort(
        (a, b) =>
          weight(limit, b) - weight(limit, a) ||
          compare(a.group.assignment.key, b.group.assignment.key),
      )
      for (const [rank, { group, increase, exits, restarts }] of candidates.entries()) {
        if (rank < limit.top) {
          addUsage(group.shown, increase)
          continue
        }
        hidden.add(group)
        if (group.processes === 0) groups.delete(group.assignment.key)
        const other = this.#other(limit, groups)
        if (other === undefined) continue
        addUsage(other.total, increase)
        other.addGroup(group)
        other.exits += exits
        other.restarts += restarts
      }
    }
    return this.#shown(groups, hidden)
  }

  *#shown(groups: ReadonlyMap<string, Group>, hidden: ReadonlySet<Group>): Generator<Group> {
    for (const group of groups.values()) if (!hidden.has(group)) yield group
    for (const [name, other] of this.#others) if (!groups.has(name)) yield other
  }

  /** Usage of the group since the last selection. */
  #increase(group: Group): Usage {
    const account = this.#accounts.get(group) ?? openAccount(noUsage(), ALL_KNOWN)
    this.#accounts.set(group, account)
    const increase = noUsage()
    credit(account, { ...group.total }, ALL_KNOWN, increase)
    return increase
  }

  /** Members of the group that ended, and times that it came back, since the last selection. */
  #ended(group: Group): Pick<Candidate, 'exits' | 'restarts'> {
    const { exits, restarts } = group
    const last = this.#lives.get(group) ?? { exits: 0, restarts: 0 }
    this.#lives.set(group, { exits, restarts })
    return { exits: exits - last.exits, restarts: restarts - last.restarts }
  }

  /** The group of that name, a real one or the sum. */
  #other({ other: name }: Limit, groups: ReadonlyMap<string, Group>): Group | undefined {
    if (name === undefined) return undefined
    const known = groups.get(name) ?? this.#others.get(name)
    if (known !== undefined) return known
    const other = new Group(assignment(name), this.#created)
    this.#others.set(name, other)
    return other
  }
}

/** By how much a group counts in the order of its rule. */
function weight({ by }: Limit, { group, increase }: Candidate): number {
  if (by === 'memory') return group.resident
  if (by === 'io') return Number(increase.readBytes) + Number(increase.writeBytes)
  return Number(increase.utime) + Number(increase.stime)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1
}

function addUsage(total: Usage, increase: Usage): void {
  credit(openAccount(noUsage(), ALL_KNOWN), { ...increase }, ALL_KNOWN, total)
}
