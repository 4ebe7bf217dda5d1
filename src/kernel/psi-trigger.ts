/** Pressure triggers: the kernel watches a threshold between two readings (Documentation/accounting/psi.rst). */
import { closeSync, constants, openSync, writeSync } from 'node:fs'

/** When a pressure trigger fires: so much stall within a window. */
export interface Threshold {
  readonly type: 'some' | 'full'
  /** Milliseconds of stall within a window that make an event. */
  readonly stall: number
  /** Milliseconds, from 500 to 10,000; without CAP_SYS_RESOURCE a multiple of 2,000 (Linux 6.4). */
  readonly window: number
}

/**
 * Arms a trigger.
 *
 * @param path of a pressure file.
 * @returns a descriptor to be polled; closing it ends the trigger.
 * @throws NodeJS.ErrnoException `EINVAL` for a window that isn't allowed, `EPERM` or `EACCES` without the right to.
 */
export function armTrigger(path: string, { type, stall, window }: Threshold): number {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  try {
    // The kernel puts its own end in the place of the last byte.
    writeSync(descriptor, `${type} ${stall * 1000} ${window * 1000}\0`)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return descriptor
}
