/** The program started again, in the same process, without what a seccomp filter does not see. */
import { usesIoUring } from '../kernel/io-uring.ts'
import { refuseIoUring } from '../kernel/seccomp/install.ts'

/** What ends by itself, and is not worth a second start. */
const SHORT = ['--once', '--help', '--version', '--agent.seccomp=off', '--seccomp=off']
/** Says to the second start that it is one. */
const RESTARTED = 'OTEL_INTERROGATOR_AGENT_RESTARTED'

/**
 * Starts the agent again where libuv has made an io_uring, which it does before any JavaScript runs: what is done through it passes no
 * filter. To be called before signals are caught: one that comes between the two starts has its usual effect, as one before the first.
 *
 * @param words of the command line, without the program.
 */
export async function restartWithoutIoUring(words: readonly string[]): Promise<void> {
  const [first = ''] = words
  const isShort = /^\w/.test(first) && first !== 'run'
  if (isShort || words.some((word) => SHORT.includes(word))) return
  const { execPath, execArgv, argv, env } = process
  const isRestarted = env[RESTARTED] !== undefined
  delete env[RESTARTED]
  if (isRestarted || env.OTEL_INTERROGATOR_AGENT_SECCOMP === 'off' || !usesIoUring()) return
  try {
    await refuseIoUring()
  } catch {
    // The agent says so once it has started.
    return
  }
  process.execve?.(execPath, [execPath, ...execArgv, ...argv.slice(1)], {
    ...env,
    [RESTARTED]: '1',
  })
}
