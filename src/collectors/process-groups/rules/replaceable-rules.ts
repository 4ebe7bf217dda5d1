/** Rules that can be replaced while the collector runs. */
import type { ProcessFacts } from './facts.ts'
import type { Rules } from './matcher.ts'
import type { Assignment, Verdict } from './verdict.ts'

export class ReplaceableRules implements Rules {
  /** Rises with every replacement: a verdict of an older version doesn't stand any more. */
  version = 1
  #rules: Rules

  constructor(rules: Rules) {
    this.#rules = rules
  }

  match(facts: ProcessFacts): Verdict {
    return this.#rules.match(facts)
  }

  get constants(): readonly Assignment[] {
    return this.#rules.constants
  }

  /**
   * Every process is judged again at the next collection. What it has used stays with the group that it was in,
   * what it uses from now on goes to the new one.
   */
  replace(rules: Rules): void {
    this.#rules = rules
    this.version++
  }
}
