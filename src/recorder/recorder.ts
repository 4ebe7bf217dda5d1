/**
 * The last minutes of the node in memory: a consumer of snapshots and samples, which turns counters into rates and keeps
 * them by tick for the largest entities; all others of a kind are kept together.
 */
import type { Attributes } from '@opentelemetry/api'
import type { NodeUsage } from '../kernel/procfs/node-usage.ts'
import type { Values } from '../lib/settings/setting.ts'
import type { Role } from '../telemetry/definitions.ts'
import { type Entity, isEqual } from '../telemetry/entity.ts'
import { pointsOf } from '../telemetry/points.ts'
import type { Snapshot } from '../telemetry/sampler.ts'
import { toSeconds } from '../telemetry/time.ts'
import { ENTITY_BYTES, RecordedEntity } from './entity.ts'
import { type EventType, RecordedEvents } from './events.ts'
import {
  CGROUP_KINDS,
  type Extra,
  entityKey,
  type Figure,
  type FigureName,
  type Kind,
  SAMPLED_FIGURES,
} from './figures.ts'
import { bucketOf } from './peaks.ts'
import { Series } from './series.ts'
import type { RECORDER_SETTINGS } from './settings.ts'
import type { SampledUsage } from './usage.ts'

type RecorderSettings = Values<typeof RECORDER_SETTINGS>['recorder']

/** Times are milliseconds: a tick (`interval`) and the past that is kept (`window`). Memory is bytes. */
export interface RecorderOptions extends Omit<RecorderSettings, 'enabled'> {
  /** Logical CPUs of the node. */
  readonly cpus: number
  /** Bytes of memory of the node. */
  readonly memory: number
  /** Whether samples are recorded: then complete snapshots add only what samples do not have. */
  readonly hasSamples: boolean
}

/** More entities than a node has; those beyond are counted, and not recorded. */
const MAX_ENTITIES = 20_000
/** How much larger an entity must be than the smallest one that has a past, to take its place. */
const HYSTERESIS = 1.5
/** Pasts that may change hands in one pass. */
const MAX_EVICTIONS = 8
/** More CPUs than the node has come from counters that began before they were seen. */
const PLAUSIBLE_CPUS = 1.2

interface Scored {
  readonly entity: RecordedEntity
  readonly score: number
}

/** Where the points of an entity go. */
interface Target {
  readonly recorded: RecordedEntity
  /** The names that the entity had when it was looked up. */
  readonly attributes: Attributes
}

/** Records the snapshots that it is given; it reads nothing by itself. */
export class Recorder {
  /** Rises with every pass. */
  revision = 0
  /** Entities that there was no room to look at, in the last pass. */
  omitted = 0
  readonly ticks: number
  readonly options: RecorderOptions
  readonly events: RecordedEvents
  /** When the last pass was, in seconds since the epoch. */
  at = 0
  readonly #targets = new WeakMap<Entity, Target>()
  readonly #entities = new Map<string, RecordedEntity>()
  readonly #byId = new Map<number, RecordedEntity>()
  readonly #others = new Map<Kind, RecordedEntity>()
  readonly #node: RecordedEntity
  /** When each kind was looked at last, seconds; undefined before the first time. */
  readonly #looked = new Map<Kind, number>()
  /** Series that are free for the next entity, by their bytes; they stay accounted for. */
  readonly #pool = new Map<number, Series[]>()
  /** Ids of entities that were forgotten, with the revision. */
  #forgotten: { readonly id: number; readonly revision: number }[] = []
  readonly #touched: RecordedEntity[] = []
  /** A single value on its way. */
  readonly #one = new Float64Array(1)
  #bytes = 0
  #pass = 0
  #nextId = 1

  constructor(options: RecorderOptions) {
    this.options = options
    this.ticks = Math.max(2, Math.round(options.window / options.interval))
    this.events = new RecordedEvents(options.window / 1000)
    this.#node = this.#create('node', 'node', {}, 0)
    this.#giveSeries(this.#node)
  }

  /** All entities that have not been forgotten: the node, those that are there, those that have ended, the sums. */
  entities(): Iterable<RecordedEntity> {
    return this.#byId.values()
  }

  get(id: number): RecordedEntity | undefined {
    return this.#byId.get(id)
  }

  /** Ids of entities that were forgotten since a revision; undefined where that is too long ago to tell. */
  forgottenSince(revision: number): number[] | undefined {
    const oldest = this.#forgotten[0]
    if (this.#forgotten.length >= MAX_ENTITIES && oldest.revision > revision) return undefined
    return this.#forgotten.filter((each) => each.revision > revision).map(({ id }) => id)
  }

  /** Bytes of what is kept. */
  get bytes(): number {
    return this.#bytes + this.#byId.size * ENTITY_BYTES
  }

  /** Whether an entity is the sum of all that have no history of their own. */
  isOthers(entity: RecordedEntity): boolean {
    return this.#others.get(entity.kind) === entity
  }

  tickOf(seconds: number): number {
    return Math.round((seconds * 1000) / this.options.interval)
  }

  /**
   * Takes the snapshot of a collection.
   *
   * @param usage what the node used at that moment.
   */
  record({ time, scopes }: Snapshot, usage?: NodeUsage): void {
    const at = toSeconds(time)
    const found = new Set<Kind>()
    this.#begin(at, usage)
    for (const { metrics } of scopes) {
      for (const points of metrics.flatMap(pointsOf)) {
        for (let index = 0; index < points.values.length; index++) {
          const role = points.rowAt(index)?.definition.role
          if (role === undefined) continue
          found.add(role.subject)
          this.#take(role, points.seriesAt(index)?.entity, points.values[index], at)
        }
      }
    }
    this.#finish(at, true, found)
  }

  /**
   * Takes a sample of all cgroups.
   *
   * @param at seconds since the epoch.
   * @param usage what the node used at that moment.
   */
  recordSample(at: number, sampled: readonly SampledUsage[], usage: NodeUsage): void {
    this.#begin(at, usage)
    const tick = this.tickOf(at)
    for (const { kind, entity, values } of sampled) {
      const recorded = kind === 'node' ? this.#node : this.#find(kind, entity, at)
      if (recorded === undefined || this.#rest(recorded, values, at, tick)) continue
      if (recorded.isResting) this.#endRest(recorded)
      for (let place = 0; place < values.length; place++) this.#add(recorded, place, values, place)
    }
    this.#finish(at, false, new Set(CGROUP_KINDS))
  }

  /** Whether nothing has happened to an entity at rest; then there is next to nothing to do. */
  #rest(entity: RecordedEntity, values: Float64Array, at: number, tick: number): boolean {
    if (!entity.isResting || !isSame(values, entity.sampled)) return false
    const before = entity.restedAt
    if (!entity.rest(at, tick)) return false
    entity.pass = this.#pass + 1
    entity.lastSeen = at
    if (bucketOf(before) !== bucketOf(at)) {
      for (let place = 0; place < values.length; place++) {
        if (!Number.isNaN(values[place])) this.#addPeak(entity, place, at, entity.latest[place])
      }
    }
    this.#addRecent(entity, at, values[CPU])
    return true
  }

  /** Settles what an entity at rest has been since. */
  #endRest(entity: RecordedEntity): void {
    this.#rateRest(entity)
    entity.endRest()
  }

  /** A complete collection may have rated it later than the last sample. */
  #rateRest(entity: RecordedEntity): void {
    if (!entity.isResting || entity.restedAt <= entity.ratedAt) return
    entity.rate(this.#scoreOf(entity), entity.restedAt, this.#halfLife)
  }

  /**
   * Takes the CPU time of a container between two samples; only its peak comes from it.
   *
   * @param at seconds since the epoch.
   * @param cpu seconds of CPU time.
   */
  recordLook({ kind, entity }: SampledUsage, at: number, cpu: number): void {
    const recorded = this.#find(kind, entity, at)
    if (recorded !== undefined) this.#addRecent(recorded, at, cpu)
  }

  #begin(at: number, usage: NodeUsage | undefined): void {
    if (at < this.at) this.#startOver()
    this.omitted = 0
    if (usage !== undefined) this.#takeNode(usage)
  }

  #takeNode(usage: NodeUsage): void {
    const { places } = this.#node.layout
    for (const [figure, value] of Object.entries(usage) as [FigureName, number][]) {
      this.#one[0] = value
      this.#add(this.#node, places.get(figure) as number, this.#one, 0)
    }
  }

  #take({ subject, figure }: Role, entity: Entity | undefined, value: number, at: number): void {
    if (figure === undefined || entity === undefined) return
    const recorded = subject === 'node' ? this.#node : this.#find(subject, entity, at)
    const place = recorded?.layout.places.get(figure as FigureName | Extra)
    if (recorded === undefined || place === undefined) return
    this.#one[0] = value
    this.#add(recorded, place, this.#one, 0)
  }

  /** What is recorded of the entity, or of the one that it is a part of; undefined where there are too many. */
  #find(kind: Kind, part: Entity, at: number): RecordedEntity | undefined {
    const entity = part.whole ?? part
    const { attributes, workload } = entity
    const known = this.#targets.get(entity)
    if (known?.attributes === attributes && this.#byId.get(known.recorded.id) === known.recorded) {
      return known.recorded
    }
    const key = entityKey(kind, entity)
    let recorded = this.#entities.get(key)
    if (recorded === undefined) {
      if (this.#entities.size >= MAX_ENTITIES) {
        this.omitted++
        return undefined
      }
      recorded = this.#create(kind, key, attributes, at)
    } else if (!isEqual(recorded.attributes, attributes)) {
      recorded.attributes = attributes
      recorded.described = this.revision + 1
    }
    recorded.workload = workload
    this.#targets.set(entity, { recorded, attributes })
    return recorded
  }

  #create(kind: Kind, key: string, attributes: Attributes, at: number): RecordedEntity {
    const entity = new RecordedEntity(this.#nextId++, kind, key, attributes, at)
    entity.described = this.revision + 1
    this.#entities.set(key, entity)
    this.#byId.set(entity.id, entity)
    return entity
  }

  /**
   * Adds the value at an index of an array; NaN is none. By itself a number that is handed on to a function takes memory each
   * time.
   */
  #add(entity: RecordedEntity, place: number, values: Float64Array, index: number): void {
    const value = values[index]
    if (Number.isNaN(value)) return
    if (entity.seen === 0) this.#touched.push(entity)
    const bit = 1 << place
    if ((entity.seen & bit) === 0) {
      entity.seen |= bit
      entity.sums[place] = value
    } else {
      entity.sums[place] += value
    }
  }

  #addRecent({ recent, peaks }: RecordedEntity, at: number, total: number): void {
    if (recent === undefined || Number.isNaN(total)) return
    const rate = recent.add(at, total)
    if (Number.isNaN(rate)) return
    peaks?.add(0, at, Math.min(rate, this.options.cpus))
  }

  #finish(at: number, isComplete: boolean, found: Set<Kind>): void {
    this.revision++
    this.#pass++
    this.at = at
    const { hasSamples } = this.options
    const tick = this.tickOf(at)
    for (const entity of this.#touched) {
      if (entity.hasEnded) this.#revive(entity, at)
      if (entity.pass === 0) this.#welcome(entity, at)
      const isSampled = hasSamples && (CGROUP_KINDS.has(entity.kind) || entity === this.#node)
      this.#settle(entity, at, isComplete && isSampled)
      if (!isComplete && CGROUP_KINDS.has(entity.kind) && this.#isStill(entity, at)) {
        entity.beginRest(at, tick)
      }
      entity.pass = this.#pass
      entity.lastSeen = at
      entity.seen = 0
    }
    this.#touched.length = 0
    // One collector has them all, and it gives all or nothing.
    if ([...found].some((kind) => kind !== 'group'))
      for (const kind of CGROUP_KINDS) found.add(kind)
    let [isMissing, isWaiting, hasEnded] = [false, false, false]
    for (const entity of this.#byId.values()) {
      if (entity.hasEnded) hasEnded = true
      else {
        if (entity.pass !== this.#pass && found.has(entity.kind)) isMissing = true
        if (!entity.hasSeries) isWaiting = true
      }
    }
    for (const kind of found) {
      if (isMissing) this.#endMissing(kind, at)
      this.#looked.set(kind, at)
    }
    if (isWaiting) this.#giveRoom(at)
    if (isMissing || hasEnded) this.#forgetOld(at)
    this.events.forgetOld(at)
  }

  /** Turns what a pass has seen of an entity into values. */
  #settle(entity: RecordedEntity, at: number, isComplement: boolean): void {
    const { layout, sums, counters, counted } = entity
    const tick = this.tickOf(at)
    const base = this.#baseOf(entity, at)
    // Most figures were read at the same time.
    let [read, readTick] = [Number.NaN, Number.NaN]
    for (let place = 0; place < layout.size; place++) {
      if ((entity.seen & (1 << place)) === 0) continue
      const figure = layout.figures[place]
      const sum = sums[place]
      if (figure === undefined) {
        this.#settleExtra(entity, place, sum, at)
        continue
      }
      // Samples have it at a finer resolution.
      if (isComplement && this.#isSampled(entity, place)) continue
      if (place === CPU && figure.isRate) this.#addRecent(entity, at, sum)
      const before = counted[place]
      const from = Number.isNaN(before) ? base : before
      if (from !== read) {
        read = from
        readTick = this.tickOf(from)
      }
      if (figure.isRate) {
        // Two passes in one tick: the later one waits, so that a tick has one value.
        if (readTick === tick && !Number.isNaN(before)) continue
        const previous = Number.isNaN(before) ? 0 : counters[place]
        counters[place] = sum
        counted[place] = at
        if (Number.isNaN(from) || at <= from) continue
        const rate = Math.max(0, sum - previous) / (at - from)
        const value = Math.min(rate, this.#mostOf(figure))
        this.#write(entity, place, readTick + 1, tick, value, at)
      } else {
        counted[place] = at
        const first = Number.isNaN(from) || at <= from ? tick : readTick + 1
        this.#write(entity, place, Math.min(first, tick), tick, sum, at)
      }
    }
    entity.rate(this.#scoreOf(entity), at, this.#halfLife)
  }

  /** Whether the sample that was settled just now says what the one before did, so that the next one need not be settled. */
  #isStill(entity: RecordedEntity, at: number): boolean {
    const { layout, seen, sums, counted, latest, sampled } = entity
    let isStill = entity.hasSeries
    for (let place = 0; place < sampled.length; place++) {
      const before = sampled[place]
      const value = (seen & (1 << place)) === 0 ? Number.NaN : sums[place]
      sampled[place] = value
      if (!Object.is(before, value)) isStill = false
      if (!isStill || Number.isNaN(value)) continue
      isStill = counted[place] === at && (latest[place] === 0 || !layout.figures[place].isRate)
    }
    return isStill
  }

  /** What a rate can't exceed: what is above comes from files that were read later than the snapshot's time. */
  #mostOf({ unit }: Figure): number {
    if (unit === '1') return 1
    return unit === '{cpu}' ? this.options.cpus : Number.POSITIVE_INFINITY
  }

  #write(
    entity: RecordedEntity,
    place: number,
    from: number,
    to: number,
    value: number,
    at: number,
  ): void {
    const stored = Math.fround(value)
    if (entity.latest[place] !== stored) {
      entity.latest[place] = stored
      entity.changed = this.revision
    }
    this.#addPeak(entity, place, at, value)
    const { series } = entity
    if (series !== undefined) series.set(place, from, to, value)
    else {
      const { combined } = entity.layout.figures[place]
      this.#othersOf(entity.kind).series?.combine(place, from, to, value, combined)
    }
  }

  #addPeak({ layout, peaks, recent }: RecordedEntity, place: number, at: number, value: number) {
    const peak = layout.peaks[place]
    // The container's CPU has its peak from samples within the second.
    if (peak < 0 || (place === CPU && recent !== undefined && this.options.hasSamples)) return
    peaks?.add(peak, at, value)
  }

  /** When the counters of an entity that is new were zero; NaN where that is unknown. */
  #baseOf(entity: RecordedEntity, at: number): number {
    if (entity.pass > 0) return Number.NaN
    const looked = this.#looked.get(entity.kind)
    if (looked === undefined || entity.kind === 'node') return Number.NaN
    const place = entity.layout.places.get('cpu') as number
    const cpus = entity.sums[place] / (at - looked)
    return cpus <= this.options.cpus * PLAUSIBLE_CPUS ? looked : Number.NaN
  }

  #isSampled(entity: RecordedEntity, place: number): boolean {
    if (entity === this.#node) return true
    return !Number.isNaN(entity.counted[place]) && place < SAMPLED_FIGURES.length
  }

  #settleExtra(entity: RecordedEntity, place: number, sum: number, at: number): void {
    const before = entity.latest[place]
    entity.latest[place] = sum
    if (before === sum || (Number.isNaN(before) && Number.isNaN(sum))) return
    entity.changed = this.revision
    const { places } = entity.layout
    if (place === places.get('exits')) this.#event(entity, 'exit', sum - before, at)
    else if (place === places.get('restarts')) this.#event(entity, 'restart', sum - before, at)
    else entity.described = this.revision
  }

  #event(entity: RecordedEntity, type: EventType, count: number, at: number): void {
    if (count > 0) this.events.add({ id: entity.id, type, count, at })
  }

  /** An entity was seen for the first time. */
  #welcome(entity: RecordedEntity, at: number): void {
    entity.firstSeen = at
    if (!entity.hasSeries) this.#giveSeries(entity)
    if (entity.kind !== 'node' && this.#looked.has(entity.kind)) this.#event(entity, 'start', 1, at)
  }

  #revive(entity: RecordedEntity, at: number): void {
    entity.hasEnded = false
    entity.described = this.revision
    entity.counted.fill(Number.NaN)
    this.#event(entity, 'start', 1, at)
  }

  #endMissing(kind: Kind, at: number): void {
    for (const entity of this.#byId.values()) {
      if (entity.kind !== kind || entity.pass === this.#pass || entity.hasEnded) continue
      if (entity === this.#node || this.isOthers(entity)) continue
      if (entity.isResting) this.#endRest(entity)
      entity.hasEnded = true
      entity.described = this.revision
      entity.changed = this.revision
      entity.latest.fill(Number.NaN)
      this.#event(entity, 'end', 1, at)
    }
  }

  #scoreOf({ latest, layout: { scored } }: RecordedEntity): number {
    const value = (place: number) => (place < 0 ? 0 : latest[place] || 0)
    const { cpus, memory } = this.options
    return (
      value(scored.cpu) / cpus +
      value(scored.memory) / memory +
      Math.max(value(scored.cpuSome), value(scored.memorySome), value(scored.ioSome)) / 2 +
      (value(scored.read) + value(scored.write)) / BUSY_STORAGE
    )
  }

  get #halfLife(): number {
    return this.options.window / 4000
  }

  #othersOf(kind: Kind): RecordedEntity {
    let others = this.#others.get(kind)
    if (others === undefined) {
      others = this.#create(kind, `others:${kind}`, {}, this.at)
      this.#others.set(kind, others)
      others.series = new Series(others.layout.names.length, this.ticks)
      this.#bytes += this.#bytesOf(others)
    }
    others.lastSeen = this.at
    return others
  }

  /** Gives pasts of their own to the largest entities that have none. */
  #giveRoom(at: number): void {
    const waiting = this.#byScore(at, (entity) => !entity.hasSeries && !entity.hasEnded)
    let holders: Scored[] | undefined
    let evictions = 0
    for (const { entity, score } of waiting) {
      if (this.#giveSeries(entity)) continue
      holders ??= this.#byScore(
        at,
        (each) => each.hasSeries && each !== this.#node && !this.isOthers(each),
      )
      const smallest = holders.pop()
      if (smallest === undefined || score <= smallest.score * HYSTERESIS) return
      if (evictions++ >= MAX_EVICTIONS) return
      this.#evict(smallest.entity)
      this.#giveSeries(entity)
    }
  }

  /** The largest first. */
  #byScore(at: number, isWanted: (entity: RecordedEntity) => boolean): Scored[] {
    const scored: Scored[] = []
    for (const entity of this.#byId.values()) {
      if (!isWanted(entity)) continue
      this.#rateRest(entity)
      scored.push({ entity, score: entity.score(at, this.#halfLife) })
    }
    return scored.sort((a, b) => b.score - a.score)
  }

  /** Whether there was room. */
  #giveSeries(entity: RecordedEntity): boolean {
    const bytes = this.#bytesOf(entity)
    const pooled = this.#pool.get(bytes)?.pop()
    if (pooled === undefined) {
      if (this.bytes + bytes > this.options.max_memory && entity !== this.#node) return false
      this.#bytes += bytes
    }
    entity.series = pooled ?? new Series(entity.layout.names.length, this.ticks)
    return true
  }

  /** Adds an entity's past to that of the others. */
  #evict(entity: RecordedEntity): void {
    const { series, layout, kind } = entity
    if (series === undefined) return
    const others = this.#othersOf(kind).series
    for (const [place, { combined }] of layout.figures.entries()) {
      for (let tick = series.oldest; tick <= series.newest; tick++) {
        const value = series.get(place, tick)
        if (!Number.isNaN(value)) others?.combine(place, tick, tick, value, combined)
      }
    }
    this.#takeSeries(entity)
  }

  #takeSeries(entity: RecordedEntity): void {
    if (entity.isResting) this.#endRest(entity)
    const { series } = entity
    if (series === undefined) return
    entity.series = undefined
    const bytes = this.#bytesOf(entity)
    const pool = this.#pool.get(bytes) ?? []
    this.#pool.set(bytes, pool)
    if (pool.length < MAX_POOLED) {
      series.clear()
      pool.push(series)
    } else {
      this.#bytes -= bytes
    }
  }

  #bytesOf({ layout }: RecordedEntity): number {
    return Series.bytes(layout.names.length, this.ticks)
  }

  /** Forgets entities whose past has left the window. */
  #forgetOld(at: number): void {
    const { window } = this.options
    for (const entity of this.#byId.values()) {
      if (!entity.hasEnded) continue
      // Without a past of its own there is its peak only.
      const kept = entity.series === undefined ? Math.min(window, PEAK_WINDOW) : window
      if (entity.lastSeen + kept / 1000 > at) continue
      this.#takeSeries(entity)
      this.#entities.delete(entity.key)
      this.#byId.delete(entity.id)
      this.#forgotten.push({ id: entity.id, revision: this.revision })
    }
    if (this.#forgotten.length > 2 * MAX_ENTITIES) {
      this.#forgotten = this.#forgotten.slice(-MAX_ENTITIES)
    }
  }

  /** After the clock was set back: what was recorded lies in the future. */
  #startOver(): void {
    this.at = 0
    this.#looked.clear()
    for (const entity of this.#byId.values()) {
      if (entity.isResting) this.#endRest(entity)
      entity.series?.clear()
      entity.counted.fill(Number.NaN)
      entity.sampled.fill(Number.NaN)
    }
  }
}

/** The place of CPU time in all kinds. */
const CPU = 0
/** Bytes a second that make storage as busy as a node's CPUs and memory, when entities are compared. */
const BUSY_STORAGE = 1e9
/** Milliseconds for which the peak of an entity that has ended is exported. */
export const PEAK_WINDOW = 60_000
/** Free series that are kept. */
const MAX_POOLED = 16

function isSame(values: Float64Array, others: Float64Array): boolean {
  for (let place = 0; place < others.length; place++) {
    if (!Object.is(values[place], others[place])) return false
  }
  return true
}
