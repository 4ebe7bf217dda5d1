/** The end of this process, also while a read that blocks holds a thread of it. */
import { lateReads } from '../kernel/blocking-files.ts'
import { endFilteredProcess } from '../kernel/seccomp/install.ts'

/**
 * Ends this process at once. `process.exit()` would wait for the threads of libuv's pool, and so for a read that blocks; to
 * execute another program ends all of them, and keeps the exit code. A seccomp filter refuses that.
 */
export function exit(code: number | string = process.exitCode ?? 0): never {
  if (lateReads() > 0) {
    endFilteredProcess(Number(code))
    process.removeAllListeners('warning')
    process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${Number(code)})`])
    process.kill(process.pid, 'SIGKILL')
  }
  return process.exit(code)
}
