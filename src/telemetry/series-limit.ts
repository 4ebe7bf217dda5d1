/**
 * Keeps a collector that finds far too much from flooding whoever stores its series.
 *
 * The limit is shared out evenly: metrics with few series keep them all, those with the most give way first. So what
 * a collector says of its own health stays, and of each metric those series stay that were observed first: mostly
 * those that have been there longest, the same in every collection.
 */

/** A metric, as far as it is limited. */
interface Limited {
  readonly points: { length: number }
}

/**
 * Cuts the points of metrics so that they are `limit` together at most.
 *
 * @returns how many were cut off.
 */
export function limitSeries(metrics: readonly Limited[], limit: number): number {
  const sizes = metrics.map(({ points }) => points.length)
  const sum = sizes.reduce((total, size) => total + size, 0)
  if (sum <= limit) return 0
  const most = evenShare(sizes, limit)
  let kept = 0
  for (const { points } of metrics) {
    points.length = Math.min(points.length, most)
    kept += points.length
  }
  return sum - kept
}

/** The largest size to which lists may be cut so that together they have `limit` items at most. */
function evenShare(sizes: readonly number[], limit: number): number {
  const ascending = sizes.toSorted((a, b) => a - b)
  let left = limit
  for (const [index, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index))
    if (size > share) return share
    left -= size
  }
  return limit
}
