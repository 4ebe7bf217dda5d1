import type { ExecutionContext } from 'ava'

/** Skips a test, saying why. Where everything can be installed (REQUIRE_PEERS=1), that is a failure. */
export function skip(t: ExecutionContext, reason: string): void {
  if (process.env.REQUIRE_PEERS === '1') t.fail(reason)
  t.log(`skipped: ${reason}`)
  t.pass()
}
