/** `/metrics`: in the form that the client prefers, compressed where it takes that. */
import type { IncomingMessage } from 'node:http'
import type { Values } from '../lib/settings/setting.ts'
import { type Format, OPEN_METRICS, TEXT } from '../telemetry/prometheus/formats.ts'
import { compressed } from './compressed.ts'
import { plainText, type Reply, type Route } from './reply.ts'
import type { SERVER_SETTINGS } from './settings.ts'

/** The source of the text, and the limit of scrapes at the same time. */
export interface MetricsRouteOptions
  extends Pick<Values<typeof SERVER_SETTINGS>['prometheus'], 'max_scrapes'> {
  /** Gives the text of the current snapshot. */
  readonly scrape: (format: Format) => Promise<Reply['body']>
}

/** What Prometheus allows when it doesn't say: its default scrape timeout. */
const DEFAULT_TIMEOUT_SECONDS = 10
/** Longer than any client waits; timers of Node overflow at 2^31 ms. */
const MAX_TIMEOUT_SECONDS = 3600
const VARIES = { Vary: 'Accept, Accept-Encoding' }

/** The route of the metrics: 503 when too many scrapes are under way or the text takes too long. */
export function metricsRoute({ scrape, max_scrapes }: MetricsRouteOptions): Route {
  let scrapes = 0
  return async (request) => {
    if (scrapes >= max_scrapes)
      return unavailable(`${max_scrapes} scrapes are being answered already`)
    scrapes++
    // A client that doesn't take its answer keeps the memory for it, and so its place among the scrapes.
    const onEnd = () => {
      scrapes--
    }
    try {
      const format = preferredFormat(request.headers.accept)
      const text = await withTimeout(scrape(format), timeoutOf(request))
      const reply = await compressed(request, format.contentType, text, VARIES)
      return { ...reply, onEnd }
    } catch (error) {
      return { ...unavailable((error as Error).message), onEnd }
    }
  }
}

/** OpenMetrics only for clients that prefer its version 1.0, as Prometheus does. */
function preferredFormat(accept = '*/*'): Format {
  let openMetrics = 0
  let text = 0
  for (const range of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim())
    const all = new Map(
      parameters.map((parameter): [string, string] => {
        const [key = '', value = ''] = parameter.split('=')
        return [key.trim(), value.trim().replaceAll('"', '')]
      }),
    )
    const quality = Number(all.get('q') ?? 1) || 0
    const version = all.get('version') ?? '1.0.0'
    if (type === 'application/openmetrics-text' && version === '1.0.0') {
      openMetrics = Math.max(openMetrics, quality)
    } else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      text = Math.max(text, quality)
    }
  }
  return openMetrics > text ? OPEN_METRICS : TEXT
}

function timeoutOf(request: IncomingMessage): number {
  const seconds = Number(request.headers['x-prometheus-scrape-timeout-seconds'])
  return Math.min(seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS) * 1000
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
