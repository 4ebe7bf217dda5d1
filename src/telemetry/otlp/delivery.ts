/** Delivers one snapshot after the other: requests one at a time, each until it is taken or given up. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Connection } from './connection.ts'
import type { ExportCounts } from './export-counts.ts'
import { countPoints, type EncodedRequest, type RequestEncoder } from './request-encoder.ts'
import { isTooLarge, reasonOf, retryDelay } from './retry.ts'

export interface DeliveryParts {
  readonly connection: Connection
  readonly encoder: RequestEncoder
  readonly counts: ExportCounts
  /** From 0 to 1. */
  readonly random: () => number
  /** Resolves after the milliseconds, or at once when the signal says so. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/**
 * Delivers the metrics.
 *
 * @param signal says that there must be no further attempt: the time is up, or a newer snapshot is due.
 * @throws the error of the request that was given up; the points of later requests are lost with it.
 */
export async function deliver(
  parts: DeliveryParts,
  metrics: ResourceMetrics,
  signal: AbortSignal,
): Promise<void> {
  const { counts, encoder } = parts
  const total = countPoints(metrics)
  let taken = 0
  while (taken < total) {
    for (const request of encoder.encode(metrics, taken)) {
      try {
        const rejected = await sendUntilTaken(parts, request, signal)
        counts.rejected += rejected
        counts.exported += request.points - rejected
        taken += request.points
      } catch (error) {
        // What is left is divided anew, for a limit that the receiver did not tell before.
        if (isTooLarge(error) && request.points > 1 && encoder.halveLimit()) break
        if (signal.aborted) counts.superseded += total - taken
        else counts.countFailed(reasonOf(error), total - taken)
        throw error
      }
    }
  }
}

/** Sends a request, again and again while that may help; gives how many points were rejected. */
async function sendUntilTaken(
  { connection, counts, random, sleep }: DeliveryParts,
  request: EncodedRequest,
  signal: AbortSignal,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      const rejected = await connection.send(request)
      counts.countRequest('OK')
      return rejected
    } catch (error) {
      counts.countRequest(reasonOf(error))
      const delay = retryDelay(error, attempt, random())
      if (delay === undefined || signal.aborted) throw error
      await sleep(delay, signal)
      if (signal.aborted) throw error
    }
  }
}
