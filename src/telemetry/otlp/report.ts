/** Log lines about pushes: one when a failure begins, and one when pushes succeed again. */
import type { DeliveryOutcome } from './delivery.ts'
import { exportError } from './export-error.ts'
import type { RenewalEvents } from './renewal.ts'

/** What the reader needs of a logger such as pino. */
export interface OtlpLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Logs changes in the outcome of pushes, each once. */
export class Report implements RenewalEvents {
  readonly #logger: OtlpLogger
  readonly #endpoint: string
  /** Undefined before the first push: that it arrives is worth a line too. */
  #arrives: boolean | undefined
  #isRejected = false
  /** What the receiver has said of metrics that it takes. */
  readonly #warnings = new Set<string>()
  #isCollected = true
  #hasMiscounted = false

  /** @param endpoint as it may be shown: without user and password. */
  constructor(logger: OtlpLogger, endpoint: string) {
    this.#logger = logger
    this.#endpoint = endpoint
  }

  delivered({ points, message, impossible }: DeliveryOutcome): void {
    if (this.#arrives !== true) this.#info('pushing metrics by OTLP')
    this.#arrives = true
    if (impossible !== undefined && !this.#hasMiscounted) {
      this.#hasMiscounted = true
      this.#warn({ points: impossible }, MISCOUNTED)
    }
    const isRejected = points > 0
    if (isRejected && !this.#isRejected) {
      this.#warn({ points, detail: message }, 'the receiver rejects some metrics')
    } else if (!isRejected && this.#isRejected) {
      this.#info('the receiver takes all metrics again')
    }
    this.#isRejected = isRejected
    if (!isRejected && message !== '') this.#warnOnce(message)
  }

  /** A receiver may warn although it rejects nothing (OTLP, "Partial Success"): with every push, and of others in turn. */
  #warnOnce(message: string): void {
    if (this.#warnings.has(message) || this.#warnings.size === MAX_WARNINGS) return
    this.#warnings.add(message)
    this.#warn({ detail: message }, 'the receiver takes all metrics, and says something of them')
  }

  /** Whether the last push failed. */
  get isAway(): boolean {
    return this.#arrives === false
  }

  notDelivered(error: unknown): void {
    if (this.#arrives !== false) this.#warn(describe(error), AWAY)
    this.#arrives = false
  }

  collected(): void {
    if (!this.#isCollected) this.#info('there are metrics to push again')
    this.#isCollected = true
  }

  notCollected(error: unknown): void {
    if (this.#isCollected) this.#warn(describe(error), 'there is nothing to push: no collection')
    this.#isCollected = false
  }

  renewed(): void {
    this.#info('pushing with the new certificates')
  }

  notRenewed(error: unknown): void {
    this.#warn(describe(error), 'the new certificates can not be used; the old ones stay in use')
  }

  stoppedEarly(): void {
    this.#warn({}, 'the last push did not end in time')
  }

  #info(message: string): void {
    this.#logger.info({ endpoint: this.#endpoint }, message)
  }

  #warn(fields: object, message: string): void {
    this.#logger.warn({ endpoint: this.#endpoint, ...fields }, message)
  }
}

/** Messages that are logged: one that has a number or a time in it is another one each time. */
const MAX_WARNINGS = 10

const MISCOUNTED =
  'the receiver says that it rejected a number of points that can not be; that is not counted'
const AWAY =
  'metrics can not be pushed by OTLP; the next push tries again. Without a receiver, set exporters: [prometheus] or OTEL_METRICS_EXPORTER=prometheus'

function describe(error: unknown): object {
  const { reason, message } = exportError(error)
  return { reason, detail: message }
}
