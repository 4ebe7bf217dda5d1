/** Work that can be done side by side. */

/**
 * Does something with every item, so many at once. After a failure no other is begun, and those that run are waited for, so
 * that what they have started is ended.
 *
 * @throws what the first failure has thrown.
 */
export async function inParallel<T>(
  items: readonly T[],
  count: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items]
  const one = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      try {
        await work(item)
      } catch (error) {
        rest.length = 0
        throw error
      }
    }
  }
  await allOf(Array.from({ length: count }, one))
}

/** Waits for all, also when one fails. */
export async function allOf(running: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(running)) {
    if (result.status === 'rejected') throw result.reason
  }
}
