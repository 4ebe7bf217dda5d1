/** An entity that is recorded: what it is, what its counters said last, and its past. */
import type { Attributes } from '@opentelemetry/api'
import {
  EXTRAS,
  type Extra,
  FIGURES,
  type Figure,
  type FigureName,
  KIND_FIGURES,
  type Kind,
} from './figures.ts'
import { PEAK_FIGURES, Peaks, RecentUsage } from './peaks.ts'
import type { Series } from './series.ts'

/** Figures of a kind by their place in the entity's arrays, those that are not kept behind those that are. */
interface Layout {
  readonly figures: readonly Figure[]
  readonly names: readonly FigureName[]
  readonly places: ReadonlyMap<FigureName | Extra, number>
  /** By the figure's place: its place among the peaks, or -1. */
  readonly peaks: readonly number[]
  readonly size: number
}

const LAYOUTS = Object.fromEntries(
  Object.entries(KIND_FIGURES).map(([kind, names]) => [kind, layoutOf(kind as Kind, names)]),
) as Record<Kind, Layout>

function layoutOf(kind: Kind, names: readonly FigureName[]): Layout {
  const peaked = PEAK_FIGURES[kind] ?? []
  return {
    names,
    figures: names.map((name) => FIGURES[name]),
    places: new Map([...names, ...EXTRAS].map((name, place) => [name, place])),
    peaks: names.map((name) => peaked.indexOf(name)),
    size: names.length + EXTRAS.length,
  }
}

/** Bytes of an entity without a series, about. */
export const ENTITY_BYTES = 2048

/** One entity of the recorder. */
export class RecordedEntity {
  /** Small and never used again. */
  readonly id: number
  readonly kind: Kind
  /** The same after a restart of the agent. */
  readonly key: string
  readonly layout: Layout
  /** Attributes that name it; replaced when names become known. */
  attributes: Attributes
  /** Those of them that identify its container or pod; undefined without one. */
  workload: Attributes | undefined
  /** Sums of the points of the pass under way, by place. */
  readonly sums: Float64Array
  /** Bits of the places that the pass has seen. */
  seen = 0
  /** The number of the last pass that saw it. */
  pass = 0
  /** Counters, and when they were read (seconds), by place; NaN before the first reading. */
  readonly counters: Float64Array
  readonly counted: Float64Array
  /** The last value of each figure and extra; NaN for none. */
  readonly latest: Float64Array
  /** The recorder's revision when `latest` or what describes the entity changed. */
  changed = 0
  described = 0
  /** Seconds since the epoch. */
  firstSeen: number
  lastSeen: number
  hasEnded = false
  /** The past; undefined while it is too small to have one of its own. */
  series: Series | undefined
  readonly peaks: Peaks | undefined
  readonly recent: RecentUsage | undefined
  #score = 0
  #scoredAt = 0

  constructor(id: number, kind: Kind, key: string, attributes: Attributes, at: number) {
    this.id = id
    this.kind = kind
    this.key = key
    this.attributes = attributes
    this.layout = LAYOUTS[kind]
    const { size } = this.layout
    this.sums = new Float64Array(size)
    this.counters = new Float64Array(size).fill(Number.NaN)
    this.counted = new Float64Array(size).fill(Number.NaN)
    this.latest = new Float64Array(size).fill(Number.NaN)
    this.firstSeen = at
    this.lastSeen = at
    const peaked = PEAK_FIGURES[kind]
    this.peaks = peaked && new Peaks(peaked.length)
    this.recent = kind === 'container' ? new RecentUsage() : undefined
  }

  /** The largest value of the last minute; NaN for none. */
  peak(figure: FigureName, at: number): number {
    const place = PEAK_FIGURES[this.kind]?.indexOf(figure) ?? -1
    return place < 0 ? Number.NaN : (this.peaks?.get(place, at) ?? Number.NaN)
  }

  /** The last value; NaN for none. */
  value(figure: FigureName | Extra): number {
    const place = this.layout.places.get(figure)
    return place === undefined ? Number.NaN : this.latest[place]
  }

  /**
   * How much of the node it uses, or used lately: entities with the highest score have a past of their own.
   *
   * @param halfLife seconds in which past use loses half of its weight.
   */
  score(at: number, halfLife: number): number {
    return this.#score * 2 ** (-Math.max(0, at - this.#scoredAt) / halfLife)
  }

  /** Takes the score of a pass, unless an earlier one still weighs more. */
  rate(score: number, at: number, halfLife: number): void {
    this.#score = Math.max(score, this.score(at, halfLife))
    this.#scoredAt = at
  }
}
