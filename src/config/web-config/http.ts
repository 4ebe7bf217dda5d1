/** `http_server_config` and `rate_limit`: headers of every answer, and how often one may ask. */
import { validateHeaderValue } from 'node:http'
import { duration } from '../../lib/settings/formats.ts'
import type { RateLimit } from '../../web/protection/rate-limit.ts'
import type { Section } from './section.ts'

/** Keys of `http_server_config`. */
export const HTTP_KEYS = ['http2', 'headers']
/** Keys of `rate_limit`. */
export const RATE_LIMIT_KEYS = ['interval', 'burst']

/** The headers that may be set, and their values where only some are allowed. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'Content-Security-Policy': [],
  'Strict-Transport-Security': [],
  'X-Content-Type-Options': ['nosniff'],
  'X-Frame-Options': ['deny', 'sameorigin'],
  'X-XSS-Protection': [],
}

const INTERVAL = duration(0, 86_400_000)

/** `http2` is checked only: the server speaks HTTP/1.1, which every client takes. */
export function readHeaders(section: Section): Record<string, string> {
  section.flag('http2')
  const headers = section.section('headers', Object.keys(HEADERS))
  return Object.fromEntries(
    headers.keys.flatMap((name) => {
      const value = headers.text(name)
      return value !== undefined && isAllowed(headers, name, value) ? [[name, value]] : []
    }),
  )
}

/** Undefined when there is no limit. */
export function readRateLimit(section: Section): RateLimit | undefined {
  const text = section.text('interval')
  const interval = text === undefined ? 0 : INTERVAL.parse(text)
  const burst = section.integer('burst') ?? 0
  if (interval === undefined) section.problem('interval', `interval must be ${INTERVAL.allowed}`)
  if (interval === undefined || interval === 0) return undefined
  if (burst < 1) section.problem('burst', 'burst must be at least 1: with none, no request passes')
  return { interval, burst }
}

function isAllowed(headers: Section, name: string, value: string): boolean {
  const allowed = HEADERS[name] ?? []
  if (allowed.length > 0 && !allowed.includes(value)) {
    headers.problem(name, `${name} must be ${allowed.join(' or ')}`)
    return false
  }
  try {
    validateHeaderValue(name, value)
    return true
  } catch {
    headers.problem(name, `${name} has characters that no header may have`)
    return false
  }
}
