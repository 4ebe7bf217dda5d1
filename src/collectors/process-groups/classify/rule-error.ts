/** What can be wrong with rules. */

/** One mistake in the rules. */
export interface RuleProblem {
  /** Line in the configuration file, if the rules are from one. */
  readonly line?: number
  readonly message: string
}

/** Rules that can't be used: every wrong template and regular expression. */
export class RuleError extends Error {
  override name = 'RuleError'
  readonly problems: readonly RuleProblem[]

  constructor(problems: readonly RuleProblem[]) {
    super(
      problems.map(({ line, message }) => (line ? `line ${line}: ${message}` : message)).join('\n'),
    )
    this.problems = problems
  }
}
