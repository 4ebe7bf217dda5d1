/** Meaning of errors of system calls. */

/**
 * Whether an error says that the process, thread or cgroup has ended: ENOENT when its directory is opened, ESRCH when a
 * file that is already open is read.
 */
export function isGone(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ENOENT' || code === 'ESRCH'
}

/** The name of an error as metrics show it: the kernel's code such as `EACCES`, or the name of the error's class. */
export function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).name
}
