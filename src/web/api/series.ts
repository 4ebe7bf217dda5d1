/** `/api/v1/series`: the past of an entity. */
import { FIGURES } from '../../recorder/figures.ts'
import type { Recorder } from '../../recorder/recorder.ts'
import { downsample } from './live.ts'

/** Points of one figure in one answer; of a longer window each point is the largest of several ticks. */
const MAX_POINTS = 2000

/**
 * The recorded past of one entity.
 *
 * @param from seconds since the epoch; the beginning of what is kept by default.
 * @returns undefined when there is no such entity, or nothing of its past.
 */
export function seriesAnswer(recorder: Recorder, id: number, from = 0, points = MAX_POINTS) {
  const entity = recorder.get(id)
  if (entity === undefined) return undefined
  const { series, layout, key, kind } = entity
  const newest = recorder.tickOf(recorder.at)
  const oldest = newest - recorder.ticks + 1
  const first = Math.min(newest, Math.max(oldest, recorder.tickOf(from)))
  const ticks = newest - first + 1
  const each = Math.max(1, Math.ceil(ticks / Math.min(points, MAX_POINTS)))
  const seconds = recorder.options.interval / 1000
  return {
    id,
    key,
    kind,
    /** Of the first point, and between two points; a value is of the time before its point. */
    start: (first + each - 1) * seconds,
    step: each * seconds,
    figures: Object.fromEntries(
      layout.names.map((name, place) => [
        name,
        series === undefined
          ? []
          : downsample(Math.ceil(ticks / each), ticks, (index) => series.get(place, first + index)),
      ]),
    ),
    units: Object.fromEntries(layout.names.map((name) => [name, FIGURES[name].unit])),
    events: recorder.events.of(id).map(({ type, count, at }) => ({ type, count, at })),
    /** The largest values of the last minute, where they are kept. */
    peaks: Object.fromEntries(
      layout.names.flatMap((name) => {
        const peak = entity.peak(name, recorder.at)
        return Number.isNaN(peak) ? [] : [[name, peak]]
      }),
    ),
    hasOwnPast: series !== undefined,
  }
}
