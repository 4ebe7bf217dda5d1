/**
 * Limits the series of a collector, to protect the systems that store them.
 *
 * The limit is divided evenly: metrics with few series keep them all, metrics with the most series lose some first. So a
 * collector's own health metrics stay. Of each metric the series that were observed first stay: mostly the oldest
 * ones, the same in every collection.
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
