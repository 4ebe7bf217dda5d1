/** The procfs that the configuration names. */
import type { Config } from '../config/config.ts'
import { Procfs, type ProcfsOptions } from '../kernel/procfs/procfs.ts'

/**
 * Opens the procfs of the configuration.
 *
 * @throws Error that names the setting when there is no procfs.
 */
export function openProcfs({ procfs: { root } }: Config, options: ProcfsOptions = {}): Procfs {
  try {
    const procfs = new Procfs(root, options)
    procfs.bootTime()
    return procfs
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new StartError(
      `procfs.root (--procfs.root, -procfs, HOST_PROC) is ${root}, which is no procfs that can be read: ${code ?? message}`,
    )
  }
}

/** What keeps the agent from starting, in words that need no trace. */
export class StartError extends Error {
  override name = 'StartError'
}
