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
  SAMPLED_FIGURES,
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
  /** Places of the figures that say how large an entity is; -1 for none. */
  readonly scored: Readonly<Record<(typeof SCORED_FIGURES)[number], number>>
  readonly size: number
}

const SCORED_FIGURES = [
  'cpu',
  'memory',
  'read',
  'write',
  'cpuSome',
  'memorySome',
  'ioSome',
] as const satisfies FigureName[]

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
    scored: Object.fromEntries(
      SCORED_FIGURES.map((name) => [name, names.indexOf(name)]),
    ) as Layout['scored'],
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
  /** What the last sample said, by place in `SAMPLED_FIGURES`; NaN for nothing. */
  readonly sampled: Float64Array
  /**
   * Whether the last sample said what the one before had said: all rates are zero. Samples that say it again change nothing
   * but `restedAt`; what they would have written is written when it is asked for.
   */
  isResting = false
  /** The time of the last sample that found it at rest: seconds, and its tick. */
  restedAt = 0
  #restedTick = 0
  /** The newest tick that is written. */
  #writtenTick = 0
  #series: Series | undefined
  readonly peaks: Peaks | undefined
  readonly recent: RecentUsage | undefined
  /** When its score was taken last, seconds. */
  ratedAt = 0
  #score = 0

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
    this.sampled = new Float64Array(SAMPLED_FIGURES.length).fill(Number.NaN)
    this.firstSeen = at
    this.lastSeen = at
    const peaked = PEAK_FIGURES[kind]
    this.peaks = peaked && new Peaks(peaked.length)
    this.recent = kind === 'container' ? new RecentUsage() : undefined
  }

  /** The past; undefined while it is too small to have one of its own. */
  get series(): Series | undefined {
    if (this.#writtenTick < this.#restedTick) this.#write()
    return this.#series
  }

  set series(series: Series | undefined) {
    this.#series = series
  }

  /** Whether it has a past of its own. */
  get hasSeries(): boolean {
    return this.#series !== undefined
  }

  /**
   * A sample says what the last one has said.
   *
   * @returns false for a second sample in a tick.
   */
  rest(at: number, tick: number): boolean {
    if (tick <= this.#restedTick) return false
    this.restedAt = at
    this.#restedTick = tick
    return true
  }

  /** From the sample on that was settled just now it is at rest. */
  beginRest(at: number, tick: number): void {
    this.isResting = true
    this.restedAt = at
    this.#restedTick = tick
    this.#writtenTick = tick
  }

  /** What it would be, had every sample been settled. */
  endRest(): void {
    if (this.#writtenTick < this.#restedTick) this.#write()
    for (let place = 0; place < this.sampled.length; place++) {
      if (!Number.isNaN(this.sampled[place])) this.counted[place] = this.restedAt
    }
    this.isResting = false
  }

  #write(): void {
    const { sampled, latest } = this
    for (let place = 0; place < sampled.length; place++) {
      if (Number.isNaN(sampled[place])) continue
      this.#series?.set(place, this.#writtenTick + 1, this.#restedTick, latest[place])
    }
    this.#writtenTick = this.#restedTick
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
    return this.#score * 2 ** (-Math.max(0, at - this.ratedAt) / halfLife)
  }

  /** Takes the score of a pass, unless an earlier one still weighs more. */
  rate(score: number, at: number, halfLife: number): void {
    this.#score = Math.max(score, this.score(at, halfLife))
    this.ratedAt = at
  }
}
