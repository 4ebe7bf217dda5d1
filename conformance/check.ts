/** The interface of a check. Each check is a file in `checks/`, selected by its name. */
import type { Scope } from './support/children.ts'

/** Exit code of a check that does not hold. */
export const EXIT_FAILED = 1
/** Exit code of a check whose peer can't be had. */
export const EXIT_NO_PEER = 3

/** Variable with the directory of one run of checks, for what several of them would make alike. */
export const SHARED_DIRECTORY = 'CONFORMANCE_SHARED_DIRECTORY'

export interface Check {
  /** One line: what is compared with what. */
  readonly title: string
  /**
   * Runs the check and returns its result in words.
   *
   * @throws MissingPeer when its peer can't be had; anything else when what it compares doesn't hold.
   */
  run(context: CheckContext): Promise<string>
}

export interface CheckContext {
  /** Ends and removes what the check starts and makes. */
  readonly scope: Scope
  /** Prints a line of the report. */
  readonly print: (line: string) => void
}

/** @throws Error with the message when the condition doesn't hold. */
export function require(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
