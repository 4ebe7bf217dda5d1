/**
 * The push side: a MetricReader that delivers a snapshot at every interval.
 *
 * One push at a time; when the next is due while one is still trying, that one gives up, for what it
 * carries is out of date. A receiver that is away costs one log line, and one when it is back.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics'
import { type Connection, connect } from './connection.ts'
import { deliver } from './delivery.ts'
import { ExportCounts } from './export-counts.ts'
import { RequestEncoder } from './request-encoder.ts'
import { reasonOf } from './retry.ts'
import type { OtlpSettings } from './settings.ts'

export interface OtlpReaderOptions {
  readonly producer: MetricProducer
  readonly settings: OtlpSettings
  readonly logger: OtlpLogger
  /** From 0 to 1; for tests. */
  readonly random?: () => number
  /** For tests: waits between attempts without waiting. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** What the reader needs of a logger such as pino. */
export interface OtlpLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Agents of a roll-out shall not push in step, but a new one's first data shall not be long in coming. */
const LONGEST_FIRST_DELAY = 5000
/** What is left of a stop after this is for the rest of the agent. */
const LAST_PUSH_TIMEOUT = 3000

export class OtlpReader extends MetricReader {
  readonly counts = new ExportCounts()
  readonly #options: Required<OtlpReaderOptions>
  readonly #connection: Connection
  readonly #encoder: RequestEncoder
  #timer: NodeJS.Timeout | undefined
  #push: Promise<void> | undefined
  #giveUp = new AbortController()
  #isConnected: boolean | undefined
  #hasRejected = false

  constructor(options: OtlpReaderOptions) {
    super({ metricProducers: [options.producer] })
    this.#options = { random: Math.random, sleep, ...options }
    this.#connection = connect(options.settings)
    this.#encoder = new RequestEncoder(options.settings.max_request_size)
  }

  protected override onInitialized(): void {
    const { settings, random } = this.#options
    this.#schedule(Math.min(settings.interval, LONGEST_FIRST_DELAY) * random())
  }

  protected override async onForceFlush(): Promise<void> {
    await this.#pushNow(this.#options.settings.export_timeout)
  }

  protected override async onShutdown(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#pushNow(LAST_PUSH_TIMEOUT)
    await this.#connection.close()
  }

  #schedule(milliseconds: number): void {
    const { interval, export_timeout } = this.#options.settings
    this.#timer = setTimeout(() => {
      this.#schedule(interval)
      this.#pushNow(Math.min(export_timeout, interval))
    }, milliseconds)
    this.#timer.unref()
  }

  /** Pushes the current snapshot as soon as the push under way has ended, which it is told to do. */
  async #pushNow(timeout: number): Promise<void> {
    this.#giveUp.abort()
    const giveUp = new AbortController()
    this.#giveUp = giveUp
    await this.#push
    // A still newer push was asked for meanwhile.
    if (giveUp.signal.aborted) return
    this.#push = this.#deliver(AbortSignal.any([giveUp.signal, AbortSignal.timeout(timeout)]))
    await this.#push
  }

  /** Never rejects: what goes wrong is counted, and logged when it is new. */
  async #deliver(signal: AbortSignal): Promise<void> {
    const { random, sleep } = this.#options
    const parts = {
      connection: this.#connection,
      encoder: this.#encoder,
      counts: this.counts,
      random,
      sleep,
    }
    try {
      const { resourceMetrics } = await this.collect()
      await deliver(parts, resourceMetrics, signal)
      this.#report(undefined)
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    const { logger, settings } = this.#options
    const { endpoint } = settings
    const isConnected = error === undefined
    if (isConnected !== this.#isConnected) {
      this.#isConnected = isConnected
      if (isConnected) logger.info({ endpoint }, 'pushing metrics by OTLP')
      else logger.warn({ endpoint, reason: reasonOf(error), detail: messageOf(error) }, AWAY)
    }
    const hasRejected = this.counts.rejected > 0
    if (hasRejected && !this.#hasRejected) {
      logger.warn({ endpoint, points: this.counts.rejected }, 'the receiver rejects some metrics')
    }
    this.#hasRejected = hasRejected
  }
}

const AWAY =
  'metrics can not be pushed by OTLP; the next push tries again. Without a receiver, set exporters: [prometheus]'

function messageOf(error: unknown): string {
  return (error as { details?: string }).details ?? (error as Error).message
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal, ref: false })
  } catch {
    // Woken up because there is something newer.
  }
}
