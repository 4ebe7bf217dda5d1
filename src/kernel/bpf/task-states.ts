/** The letter of a task's state, as proc_pid_stat(5) has it (`task_state_index()` in include/linux/sched.h). */

const RUNNING = 0x52
const IDLE = 0x49
/** By the highest bit of TASK_REPORT that is set: none, interruptible, uninterruptible, stopped, traced, dead, zombie, parked. */
const LETTERS = Buffer.from('RSDTtXZP')
const TASK_REPORT = 0x7f
/** Uninterruptible, and not counted as load. */
const TASK_IDLE = 0x402
const TASK_RTLOCK_WAIT = 0x1000
const TASK_FROZEN = 0x8000
const UNINTERRUPTIBLE = 0x44

/**
 * The byte of the state letter that proc_pid_stat(5) shows.
 *
 * @param state `__state` and `exit_state` of the task, together.
 */
export function stateLetter(state: number): number {
  if ((state & TASK_IDLE) === TASK_IDLE) return IDLE
  if ((state & (TASK_RTLOCK_WAIT | TASK_FROZEN)) !== 0) return UNINTERRUPTIBLE
  const reported = state & TASK_REPORT
  return reported === 0 ? RUNNING : LETTERS[32 - Math.clz32(reported)]
}
