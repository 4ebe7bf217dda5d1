/** Errors of system calls: what they mean, and those of calls that Node.js does not make. */
import { constants } from 'node:os'

const CODES = new Map(Object.entries(constants.errno).map(([code, number]) => [number, code]))
// It has a second name.
CODES.set(constants.errno.EAGAIN, 'EAGAIN')
// The kernel's own, which no C library names: what a BPF loader program answers where BTF has no such type.
CODES.set(524, 'ENOTSUPP')

/**
 * The error of a failed system call, with the kernel's code as in Node's own errors.
 *
 * @param number of the error, as errno(3) has it.
 * @param what was tried, for people.
 */
export function systemCallError(
  syscall: string,
  number: number,
  what: string = syscall,
): NodeJS.ErrnoException {
  const code = CODES.get(number) ?? `E${number}`
  return Object.assign(new Error(`${what}: ${code}`), { code, errno: number, syscall })
}

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
