/**
 * The push side: a MetricReader that delivers a snapshot at every interval.
 *
 * One push at a time; when the next is due while one is still trying, that one gives up: its data
 * is out of date. A receiver that cannot be reached causes one log line, and one more when it is back.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type MetricProducer, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { fromMilliseconds } from '../time.ts'
import { deliver } from './delivery.ts'
import { Deltas } from './deltas.ts'
import { metricsEndpoint } from './endpoint.ts'
import { EntityResources } from './entities.ts'
import { ExportCounts } from './export-counts.ts'
import { RenewedTransport } from './renewal.ts'
import { type OtlpLogger, Report } from './report.ts'
import { RequestLimit } from './requests.ts'
import type { OtlpSettings } from './settings.ts'
import type { Transport } from './transport.ts'

/** The producer of snapshots, the settings and the log of the push side. */
export interface OtlpReaderOptions {
  readonly producer: MetricProducer
  readonly settings: OtlpSettings
  readonly logger: OtlpLogger
  /** From 0 to 1; for tests. */
  readonly random?: () => number
  /** For tests: waits between attempts without waiting. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** When this process started: counters with an earlier start are not of its time. */
const PROCESS_START = fromMilliseconds(performance.timeOrigin)

/** Agents of a roll-out shall not push in step, but a new one's first data shall not be long in coming. */
const MAX_FIRST_DELAY = 5000
/** What is left of a stop after this is for the rest of the agent. */
const LAST_PUSH_TIMEOUT = 3000
/** The same for a receiver that was away at the push before. */
const LAST_PUSH_TIMEOUT_AWAY = 500
/** The last push tries each request once: a stop does not wait for a receiver to come back. */
const NO_RETRY = AbortSignal.abort(new DOMException('the agent stops', 'TimeoutError'))

/** Pushes a snapshot at every interval, from its registration with a MeterProvider until shutdown. */
export class OtlpReader extends MetricReader {
  readonly counts = new ExportCounts()
  readonly #options: Required<OtlpReaderOptions>
  readonly #transport: Transport
  readonly #limit: RequestLimit
  readonly #deltas: Deltas | undefined
  readonly #entities: EntityResources | undefined
  readonly #report: Report
  #timer: NodeJS.Timeout | undefined
  /** The push under way, and the one asked for last: the same, or waiting for it. */
  #push: Promise<void> | undefined
  #latest: Promise<void> | undefined
  #giveUp = new AbortController()
  #stopTimeout = Number.POSITIVE_INFINITY

  constructor(options: OtlpReaderOptions) {
    super({ metricProducers: [options.producer] })
    this.#options = { random: Math.random, sleep, ...options }
    const { settings, logger } = options
    this.#limit = new RequestLimit(settings.max_request_size)
    this.#deltas = settings.temporality === 'delta' ? new Deltas(PROCESS_START) : undefined
    this.#entities = settings.resources === 'entity' ? new EntityResources() : undefined
    this.#report = new Report(logger, metricsEndpoint(settings).origin)
    this.#transport = new RenewedTransport(settings, this.#report)
  }

  /**
   * Gives a stop less time than the reader takes by itself. `shutdown({ timeoutMillis })` rejects when that is over,
   * though a last push that is given up is no error.
   *
   * @param milliseconds for the last push, to be said before the shutdown.
   */
  limitStop(milliseconds: number): void {
    this.#stopTimeout = Math.floor(milliseconds)
  }

  protected override onInitialized(): void {
    const { settings, random } = this.#options
    this.#schedule(Math.min(settings.interval, MAX_FIRST_DELAY) * random())
  }

  protected override async onForceFlush(): Promise<void> {
    await this.#pushNow(this.#options.settings.export_timeout)
  }

  protected override async onShutdown(): Promise<void> {
    clearTimeout(this.#timer)
    const { isAway } = this.#report
    const longest = isAway ? LAST_PUSH_TIMEOUT_AWAY : LAST_PUSH_TIMEOUT
    const timeout = Math.min(this.#options.settings.export_timeout, longest, this.#stopTimeout)
    // A request that hangs ends at its own deadline, and the channel with it; a stop doesn't wait so long.
    const ended = this.#pushNow(timeout, NO_RETRY).then(async () => {
      await this.#transport.close()
      return true
    })
    const hasEnded = await Promise.race([ended, delay(timeout, false, { ref: false })])
    // That the receiver is away has been said.
    if (!hasEnded && !isAway) this.#report.stoppedEarly()
  }

  #schedule(milliseconds: number): void {
    const { interval, export_timeout } = this.#options.settings
    this.#timer = setTimeout(() => {
      this.#schedule(interval)
      this.#pushNow(export_timeout)
    }, milliseconds)
    this.#timer.unref()
  }

  /**
   * Pushes the current snapshot as soon as the push under way has ended, which it is told to do. When a
   * still newer one is asked for meanwhile, that is the one to wait for.
   *
   * @param timeout milliseconds, the time of waiting included. Never rejects.
   * @param retry aborted when no request may be sent again.
   */
  #pushNow(timeout: number, retry?: AbortSignal): Promise<void> {
    this.#giveUp.abort()
    this.#giveUp = new AbortController()
    const timeUp = AbortSignal.timeout(timeout)
    this.#latest = this.#pushAfter(this.#push, this.#giveUp.signal, timeUp, retry ?? timeUp)
    return this.#latest
  }

  async #pushAfter(
    before: Promise<void> | undefined,
    superseded: AbortSignal,
    timeUp: AbortSignal,
    retry: AbortSignal,
  ): Promise<void> {
    await before
    if (superseded.aborted) return this.#latest
    if (timeUp.aborted) return
    this.#push = this.#deliver(AbortSignal.any([superseded, retry]))
    await this.#push
  }

  /** Never rejects: what goes wrong is counted, and logged when it is new. */
  async #deliver(signal: AbortSignal): Promise<void> {
    const collected = await this.#collect()
    if (collected === undefined) return
    const metrics = this.#deltas?.convert(collected) ?? collected
    const resources = this.#entities?.divide(metrics) ?? [metrics]
    const { random, sleep } = this.#options
    const parts = {
      transport: this.#transport,
      limit: this.#limit,
      counts: this.counts,
      random,
      sleep,
    }
    try {
      this.#report.delivered(await deliver(parts, resources, signal))
    } catch (error) {
      this.#report.notDelivered(error)
    }
  }

  async #collect(): Promise<ResourceMetrics | undefined> {
    try {
      const { resourceMetrics } = await this.collect()
      this.#report.collected()
      return resourceMetrics
    } catch (error) {
      this.counts.uncollected++
      this.#report.notCollected(error)
      return undefined
    }
  }
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal, ref: false })
  } catch {
    // Woken up because there is something newer.
  }
}
