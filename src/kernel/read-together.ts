/** Readings that may block, some of many at a time. */

/** What became of a reading. */
export type Settled<T> = PromiseSettledResult<T>

/** So many are waited for together; how many are under way at once, the reader decides. */
const TOGETHER = 64

/** Starts a reading of each item and yields the results, in the order of the items. */
export async function* readTogether<Item, T>(
  items: readonly Item[],
  read: (item: Item) => Promise<T>,
): AsyncGenerator<[item: Item, result: Settled<T>]> {
  for (let start = 0; start < items.length; start += TOGETHER) {
    const some = items.slice(start, start + TOGETHER)
    const results = await Promise.allSettled(some.map(read))
    for (const [index, item] of some.entries()) yield [item, results[index]]
  }
}

/**
 * The value of a read that succeeded.
 *
 * @throws why the reading failed.
 */
export function resultOf<T>(result: Settled<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
