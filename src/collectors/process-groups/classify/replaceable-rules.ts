/** Rules that can be replaced while the collector runs. */

import type { Assignment, Match } from './assignment.ts'
import type { ProcessFacts } from './facts.ts'
import type { Explanation, Rules, UnknownField } from './matcher.ts'

/** Rules that a reload replaces as a whole. */
export class ReplaceableRules implements Rules {
  /** Rises with every replacement: a verdict of an older version doesn't stand any more. */
  version = 1
  /** How often rules were read again, and how often they were wrong. */
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
   * Every process is judged again at the next collection. What it has used stays with the group that it was in,
   * what it uses from now on goes to the new one.
   *
   * @throws whatever `read` throws; the rules stay as they are then.
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
