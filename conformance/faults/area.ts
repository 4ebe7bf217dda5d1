/** The areas of generated faults: procfs trees, cgroup trees, configurations, clients. */
import type { Scope } from '../support/children.ts'
import type { Watch } from './watch.ts'

export interface Area {
  readonly name: string
  /** Its part of all cases. */
  readonly share: number
  /** How many cases a seed makes: states of a tree that are collected, configurations, connections. */
  readonly casesOfSeed: number
  /**
   * Prepares what all its cases need.
   *
   * @returns runs the cases of a seed, and throws an Error that says what does not hold.
   */
  open(scope: Scope, watch: Watch): Promise<(seed: number) => Promise<void>>
}
