/** Delivers one snapshot after the other: requests one at a time, each until it is taken or given up. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Connection, Rejection } from './connection.ts'
import type { DeltaPoint } from './deltas.ts'
import type { ExportCounts } from './export-counts.ts'
import { countPoints, type EncodedRequest, type RequestEncoder } from './request-encoder.ts'
import { isRetryable, isTooLarge, reasonOf, retryDelay } from './retry.ts'

export interface DeliveryParts {
  readonly connection: Connection
  readonly encoder: RequestEncoder
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
  const { counts, encoder } = parts
  const total = countPoints(resources)
  let taken = 0
  let rejected = 0
  let message = ''
  let impossible: number | undefined
  while (taken < total) {
    for (const request of encoder.encode(resources, taken)) {
      try {
        const rejection = await sendUntilTaken(parts, request, signal)
        const counted = counts.countTaken(request.points.length, rejection.points)
        if (counted !== rejection.points) impossible ??= rejection.points
        taken += request.points.length
        for (const point of request.points) (point as Partial<DeltaPoint>).accept?.()
        rejected += counted
        message ||= rejection.message
      } catch (error) {
        // What is left is divided anew, for a limit that the receiver did not tell before.
        if (isTooLarge(error) && request.points.length > 1 && encoder.halveLimit()) break
        if (isRetryable(error) && isSuperseded(signal)) counts.superseded += total - taken
        else counts.countFailed(reasonOf(error), total - taken)
        throw error
      }
    }
  }
  return { points: rejected, message, impossible }
}

/** Sends a request, again and again while that may help. */
async function sendUntilTaken(
  { connection, counts, random, sleep }: DeliveryParts,
  request: EncodedRequest,
  signal: AbortSignal,
): Promise<Rejection> {
  for (let attempt = 1; ; attempt++) {
    try {
      const rejection = await connection.send(request)
      counts.countRequest('OK')
      return rejection
    } catch (error) {
      counts.countRequest(reasonOf(error))
      if (!isRetryable(error) || signal.aborted) throw error
      await sleep(retryDelay(error, attempt, random()), signal)
      if (signal.aborted) throw error
    }
  }
}

function isSuperseded({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason.name !== 'TimeoutError'
}
