/** Delivers one snapshot after the other: requests one at a time, each until it is taken or given up. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { DeltaPoint } from './deltas.ts'
import type { ExportCounts } from './export-counts.ts'
import { exportError } from './export-error.ts'
import {
  countPoints,
  type ExportRequest,
  pointsOf,
  type RequestLimit,
  Requests,
} from './requests.ts'
import { retryDelay } from './retry.ts'
import type { Rejection, Transport } from './transport.ts'

/** What a delivery sends with and counts in. */
export interface DeliveryParts {
  readonly transport: Transport
  readonly limit: RequestLimit
  readonly counts: ExportCounts
  /** From 0 to 1. */
  readonly random: () => number
  /** Resolves after the milliseconds, or at once when the signal says so. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** What the receiver threw away of a snapshot that it took. */
export interface DeliveryOutcome extends Rejection {
  /** The first number of rejected points that can't be, if the receiver gave one: it was not counted. */
  readonly impossible: number | undefined
}

/**
 * Delivers the metrics. While the receiver takes its requests, a delivery goes on to its end: were it cut off
 * for the next, a slow receiver would never see the last metrics.
 *
 * @param signal says that no request may be sent again: the time is up (its reason is a TimeoutError then),
 *   or a newer snapshot is due.
 * @returns what the receiver threw away.
 * @throws the error of the request that was given up; the points of later requests are lost with it.
 */
export async function deliver(
  parts: DeliveryParts,
  resources: readonly ResourceMetrics[],
  signal: AbortSignal,
): Promise<DeliveryOutcome> {
  const { counts, limit } = parts
  const requests = new Requests(resources, limit)
  let left = countPoints(resources)
  let rejected = 0
  let message = ''
  let impossible: number | undefined
  for (let request = requests.next(); request !== undefined; request = requests.next()) {
    try {
      const rejection = await sendUntilTaken(parts, request, signal)
      const counted = counts.countTaken(request.points, rejection.points)
      if (counted !== rejection.points) impossible ??= rejection.points
      left -= request.points
      for (const point of pointsOf(request)) (point as Partial<DeltaPoint>).accept?.()
      rejected += counted
      message ||= rejection.message
    } catch (thrown) {
      const error = exportError(thrown)
      // The limit was not known before.
      if (error.isTooLarge && request.points > 1 && limit.halve(request.size)) {
        requests.putBack(request)
        continue
      }
      if (error.isRetryable && isSuperseded(signal)) counts.superseded += left
      else counts.countFailed(error.reason, left)
      throw error
    }
  }
  return { points: rejected, message, impossible }
}

/** Sends a request, again and again while that may help. */
async function sendUntilTaken(
  { transport, counts, random, sleep }: DeliveryParts,
  request: ExportRequest,
  signal: AbortSignal,
): Promise<Rejection> {
  for (let attempt = 1; ; attempt++) {
    try {
      const rejection = await transport.send(request)
      counts.countRequest('OK')
      return rejection
    } catch (thrown) {
      const error = exportError(thrown)
      counts.countRequest(error.reason)
      if (!error.isRetryable || signal.aborted) throw error
      await sleep(retryDelay(error, attempt, random()), signal)
      if (signal.aborted) throw error
    }
  }
}

function isSuperseded({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason.name !== 'TimeoutError'
}
