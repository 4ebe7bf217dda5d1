/**
 * Runs every collector once per collection and keeps the result: the one snapshot that all readers see.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { HrTime } from '@opentelemetry/api'
import type { ScopeMetrics } from '@opentelemetry/sdk-metrics'
import { clock } from './clock.ts'
import type { ObservableMeter } from './meter.ts'
import { countPoints } from './points.ts'
import { compareTimes } from './time.ts'

/** What all collectors observed in one collection; nothing in it changes any more. */
export interface Snapshot {
  /** The time of every point: when the collection began. */
  readonly time: HrTime
  /** One scope for each collector. */
  readonly scopes: readonly ScopeMetrics[]
}

/** How a collector's last collection went. */
export interface CollectorRun {
  readonly name: string
  /** When the collection began that the run belongs to. */
  readonly time: HrTime
  /** Wall-clock seconds, the time of others during its pauses included. */
  readonly duration: number
  /** Points of the snapshot, and those that were left out of it because there were too many. */
  readonly series: number
  readonly dropped: number
  readonly errors: readonly unknown[]
}

/** The meters that are collected, and the callbacks that follow a collection. */
export interface SamplerOptions {
  /** One meter for each collector, collected in this order. */
  readonly meters: readonly ObservableMeter[]
  /** Milliseconds for which a snapshot is handed out again. */
  readonly maxAge: number
  /** Called when a collection begins. */
  readonly onStart?: () => void
  /** Called after each collector's turn, before the next one's. */
  readonly onRun: (run: CollectorRun) => void
  /** Called with each snapshot, the partial ones of `refresh` among them. */
  readonly onSnapshot?: (snapshot: Snapshot) => void
}

/** Collects all meters into one snapshot that every reader gets. */
export class Sampler {
  readonly #options: SamplerOptions
  /** The time of the last collection, by the agent's clock. */
  #time: HrTime | undefined
  #latest: Snapshot | undefined
  #finished = Number.NEGATIVE_INFINITY
  /** The same of the last collection of whatever kind. */
  #refreshed = Number.NEGATIVE_INFINITY
  #running: Promise<Snapshot> | undefined
  #between: Promise<unknown> | undefined

  constructor(options: SamplerOptions) {
    this.#options = options
  }

  /** The snapshot taken last, of whatever age. */
  get latest(): Snapshot | undefined {
    return this.#latest
  }

  /**
   * A snapshot no older than the maximum age: the last one, the one that is being taken, or a new one.
   * Never rejects: a collector that fails loses its own metrics only.
   *
   * @param maxAge milliseconds.
   */
  snapshot(maxAge = this.#options.maxAge): Promise<Snapshot> {
    if (this.#running !== undefined) return this.#running
    const latest = this.#latest
    if (latest !== undefined && performance.now() - this.#finished < maxAge) {
      return Promise.resolve(latest)
    }
    const collected = this.#between?.then(() => this.#collect()) ?? this.#collect()
    this.#running = collected.finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /**
   * Collects some of the meters only, for `onSnapshot`: readers keep the last complete snapshot. Never rejects.
   *
   * @param names of the meters.
   * @param maxAge milliseconds since a collection of any kind within which there is none.
   * @returns whether there was one.
   */
  async refresh(names: ReadonlySet<string>, maxAge: number): Promise<boolean> {
    await (this.#running ?? this.#between)
    const meters = this.#options.meters.filter(({ scope }) => names.has(scope.name))
    if (meters.length === 0 || performance.now() - this.#refreshed < maxAge) return false
    return (await this.between(() => this.#run(meters))) !== undefined
  }

  /**
   * Does something that must not happen during a collection. Collections wait for it.
   *
   * @returns what it returns; undefined when a collection or another such act is under way: then it isn't done.
   */
  async between<T>(act: () => Promise<T>): Promise<T | undefined> {
    if (this.#running !== undefined || this.#between !== undefined) return undefined
    const done = act().finally(() => {
      this.#between = undefined
    })
    // Whether it succeeds matters to the caller only.
    this.#between = done.catch(() => {})
    return done
  }

  /**
   * Waits for the collection or act under way, so that what it reads from can be closed.
   *
   * @param milliseconds at most.
   */
  async close(milliseconds: number): Promise<void> {
    if (this.#running === undefined && this.#between === undefined) return
    const giveUp = new AbortController()
    const { signal } = giveUp
    const waited = delay(milliseconds, undefined, { signal }).catch(() => {})
    await Promise.race([Promise.all([this.#running, this.#between]), waited])
    giveUp.abort()
  }

  async #collect(): Promise<Snapshot> {
    this.#latest = await this.#run(this.#options.meters)
    this.#finished = this.#refreshed
    return this.#latest
  }

  async #run(meters: readonly ObservableMeter[]): Promise<Snapshot> {
    this.#options.onStart?.()
    const time = later(this.#time, clock.now())
    this.#time = time
    const shown = clock.shown(time)
    const scopes: ScopeMetrics[] = []
    for (const meter of meters) {
      const started = performance.now()
      const { scopeMetrics, errors, dropped } = await meter.collect(time)
      scopes.push(scopeMetrics)
      this.#options.onRun({
        name: meter.scope.name,
        time: shown,
        duration: (performance.now() - started) / 1000,
        series: scopeMetrics.metrics.reduce((sum, metric) => sum + countPoints(metric), 0),
        dropped,
        errors,
      })
    }
    const snapshot = { time: shown, scopes }
    this.#refreshed = performance.now()
    this.#options.onSnapshot?.(snapshot)
    return snapshot
  }
}

/** `time`, or just after `previous` when two collections fall into one tick of the clock. */
function later(previous: HrTime | undefined, time: HrTime): HrTime {
  const isLater = previous === undefined || compareTimes(previous, time) < 0
  return isLater ? time : [previous[0], previous[1] + 1]
}
