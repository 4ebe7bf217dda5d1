/** Reads of files that may block, many at a time. */

/** The outcome of a read. */
export type Settled<T> = PromiseSettledResult<T>

/** Number of reads that are awaited together; BlockingFiles limits how many run at once. */
const TOGETHER = 64

/** Reads each item and yields the outcomes, in the order of the items. */
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
 * @throws the error of a read that failed.
 */
export function resultOf<T>(result: Settled<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
