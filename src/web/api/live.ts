/** `/api/v1/live`: what all entities use now, as far as it has changed since the client asked last. */
import type { RecordedEntity } from '../../recorder/entity.ts'
import { FIGURES, KIND_FIGURES } from '../../recorder/figures.ts'
import type { Recorder } from '../../recorder/recorder.ts'

/** What the page needs to know of the recorder behind an answer. */
export interface Observation {
  readonly recorder: Recorder
  /** Whether it keeps the past; else there are the last values only. */
  readonly hasPast: boolean
  /** Milliseconds between two values of process groups. */
  readonly groupInterval: number
  /** Name of the node. */
  readonly node: string
}

/** Points of the small line of a row, and the seconds that it is long. */
const SPARK_POINTS = 60
const SPARK_SECONDS = 300
/** When this process started: revisions and ids of another one mean nothing here. */
const INSTANCE = Math.round(performance.timeOrigin)

/**
 * The changes of all entities since a revision; everything for a client of another instance.
 *
 * @param since the revision that the client has, of this instance.
 * @param hasSparks whether the last minutes of CPU are wanted, too.
 */
export function liveAnswer(
  { recorder, hasPast, groupInterval, node }: Observation,
  instance: number,
  since: number,
  hasSparks: boolean,
) {
  const isKnown = instance === INSTANCE && since <= recorder.revision
  const removed = isKnown ? recorder.forgottenSince(since) : undefined
  const from = removed === undefined ? 0 : since
  const all = [...recorder.entities()]
  return {
    instance: INSTANCE,
    revision: recorder.revision,
    /** Whether all that the client had before is to be thrown away. */
    reset: removed === undefined,
    time: recorder.at,
    node: { name: node, cpus: recorder.options.cpus, memory: recorder.options.memory },
    recorder: hasPast
      ? {
          interval: recorder.options.interval / 1000,
          window: recorder.options.window / 1000,
          bytes: recorder.bytes,
          maxBytes: recorder.options.max_memory,
        }
      : null,
    groupInterval: groupInterval / 1000,
    ...(from === 0 && { figures: FIGURES, kinds: KIND_FIGURES }),
    entities: all
      .filter(({ described }) => described > from)
      .map((entity) => describe(recorder, entity)),
    values: all
      .filter(({ changed, hasEnded }) => changed > from && !hasEnded)
      .map((entity) => [entity.id, ...valuesOf(entity)]),
    removed: removed ?? [],
    ...(hasSparks && hasPast && { sparks: all.flatMap((entity) => sparkOf(recorder, entity)) }),
  }
}

function describe(recorder: Recorder, entity: RecordedEntity) {
  const { id, kind, key, attributes, firstSeen, lastSeen, hasEnded } = entity
  const limit = (value: number) => (Number.isFinite(value) ? value : undefined)
  return {
    id,
    kind,
    key,
    attributes,
    since: firstSeen,
    ...(hasEnded && { ended: lastSeen }),
    ...(recorder.isOthers(entity) && { others: true }),
    cpuLimit: limit(entity.value('cpuLimit')),
    memoryLimit: limit(entity.value('memoryLimit')),
  }
}

function valuesOf({ layout, latest }: RecordedEntity): (number | null)[] {
  return layout.names.map((_, place) => short(latest[place]))
}

/** CPU in the last minutes, the largest of each part of them; oldest first. */
function sparkOf(recorder: Recorder, entity: RecordedEntity): [number, (number | null)[]][] {
  const { series, id, hasEnded } = entity
  if (series === undefined || hasEnded) return []
  const newest = recorder.tickOf(recorder.at)
  const ticks = Math.round((SPARK_SECONDS * 1000) / recorder.options.interval)
  const points = downsample(SPARK_POINTS, ticks, (index) =>
    series.get(0, newest - ticks + 1 + index),
  )
  return [[id, points]]
}

/** The largest value of each part; null where there is none. */
export function downsample(
  points: number,
  ticks: number,
  get: (index: number) => number,
): (number | null)[] {
  const each = Math.max(1, Math.ceil(ticks / points))
  const found: (number | null)[] = []
  for (let start = 0; start < ticks; start += each) {
    let largest = Number.NaN
    for (let index = start; index < Math.min(start + each, ticks); index++) {
      const value = get(index)
      if (!(largest >= value) && !Number.isNaN(value)) largest = value
    }
    found.push(short(largest))
  }
  return found
}

/** Four decimals, and of large numbers none: what a picture shows. */
function short(value: number): number | null {
  if (!Number.isFinite(value)) return null
  return Math.abs(value) >= LARGE ? Math.round(value) : Math.round(value * 1e4) / 1e4
}

const LARGE = 1000
