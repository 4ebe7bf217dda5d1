/** Work that can be done side by side. */

/** Waits for all, also when one fails. */
export async function allOf(running: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(running)) {
    if (result.status === 'rejected') throw result.reason
  }
}
