/** The flag `--user`. */
import { StartError } from '../agent/procfs.ts'
import type { UserIds } from '../config/command-line.ts'
import { restartAs } from '../kernel/credentials.ts'

/**
 * Starts the program again as the user, unless it is that one.
 *
 * @throws StartError when the process may not become another user.
 */
export async function becomeUser(user: UserIds | undefined): Promise<void> {
  if (user === undefined || process.getuid?.() === user.uid) return
  try {
    await restartAs(user.uid, user.gid)
  } catch (error) {
    const { message } = error as Error
    throw new StartError(
      `--user: user ${process.getuid?.()} can't become ${user.uid}:${user.gid}, which takes the capabilities SETUID and SETGID, and the package koffi: ${message}`,
    )
  }
}
