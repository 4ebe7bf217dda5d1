/** Rules that can be replaced while the collector runs. */

import type { Assignment, Match } from './assignment.ts'
import type { ProcessFacts } from './facts.ts'
import type { Explanation, Rules, UnknownField } from './matcher.ts'

/** Rules that a reload replaces as a whole. */
export class ReplaceableRules implements Rules {
  /** Increases with every replacement: classifications by an older version are no longer valid. */
  version = 1
  /** Numbers of reloads that succeeded, and that failed because of wrong rules. */
  readonly reloads = { success: 0, failure: 0 }
  #rules: Rules

  constructor(rules: Rules) {
    this.#rules = rules
  }

  match(facts: ProcessFacts): Match {
    return this.#rules.match(facts)
  }

  get constants(): readonly Assignment[] {
    return this.#rules.constants
  }

  get unknownFields(): readonly UnknownField[] {
    return this.#rules.unknownFields
  }

  explain(facts: ProcessFacts): readonly Explanation[] {
    return this.#rules.explain(facts)
  }

  /**
   * Every process is classified again at the next collection. Its usage so far stays with its old group,
   * later usage counts in the new one.
   *
   * @throws whatever `read` throws; then the rules stay as they are.
   */
  reload(read: () => Rules): void {
    try {
      this.#rules = read()
    } catch (error) {
      this.reloads.failure++
      throw error
    }
    this.reloads.success++
    this.version++
  }
}
