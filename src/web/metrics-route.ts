/** `/metrics`: Prometheus text, compressed where the client takes it. */
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { plainText, type Reply, type Route } from './reply.ts'

export interface MetricsRouteOptions {
  readonly contentType: string
  /** The text of the current snapshot. */
  readonly scrape: () => Promise<string>
  /** Scrapes that may be answered at the same time. */
  readonly maxScrapes: number
}

/** What Prometheus allows when it doesn't say: its default scrape timeout. */
const DEFAULT_TIMEOUT_SECONDS = 10
/** Below this size compression saves no packet. */
const LEAST_TO_COMPRESS = 1400

const compress = promisify(gzip)

export function metricsRoute({ contentType, scrape, maxScrapes }: MetricsRouteOptions): Route {
  let scrapes = 0
  return async (request) => {
    if (scrapes >= maxScrapes)
      return unavailable(`${maxScrapes} scrapes are being answered already`)
    scrapes++
    try {
      const text = await withTimeout(scrape(), timeoutOf(request))
      return await metricsReply(request, contentType, text)
    } catch (error) {
      return unavailable((error as Error).message)
    } finally {
      scrapes--
    }
  }
}

async function metricsReply(
  request: IncomingMessage,
  contentType: string,
  text: string,
): Promise<Reply> {
  const headers = { Vary: 'Accept-Encoding' }
  if (text.length < LEAST_TO_COMPRESS || !acceptsGzip(request)) {
    return { status: 200, contentType, body: text, headers }
  }
  const body = await compress(text, { level: constants.Z_BEST_SPEED })
  return { status: 200, contentType, body, headers: { ...headers, 'Content-Encoding': 'gzip' } }
}

function acceptsGzip(request: IncomingMessage): boolean {
  const accepted = String(request.headers['accept-encoding'] ?? '').toLowerCase()
  return accepted
    .split(',')
    .map((part) => part.trim().split(/\s*;\s*q\s*=\s*/))
    .some(([coding, q]) => (coding === 'gzip' || coding === '*') && Number(q ?? 1) > 0)
}

function timeoutOf(request: IncomingMessage): number {
  const seconds = Number(request.headers['x-prometheus-scrape-timeout-seconds'])
  return (seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS) * 1000
}

async function withTimeout<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no snapshot within ${milliseconds / 1000} s`)),
      milliseconds,
    )
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function unavailable(reason: string): Reply {
  return plainText(503, `${reason}\n`, { 'Retry-After': '1' })
}
