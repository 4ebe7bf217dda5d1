/** When a refused request is sent again: OTLP's rules for gRPC (OpenTelemetry Protocol, "OTLP/gRPC Response"). */
import { type ServiceError, status } from '@grpc/grpc-js'

const RETRYABLE = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])

const FIRST_DELAY = 1000
const LONGEST_DELAY = 5000
const GROWTH = 1.5
const JITTER = 0.2

/** What a timer of Node can wait for; beyond it, it would not wait at all. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Whether the same request may be taken later. A receiver that is exhausted must have said when. */
export function isRetryable(error: unknown): boolean {
  const { code } = error as ServiceError
  if (isTooLarge(error)) return false
  return (
    RETRYABLE.has(code) || (code === status.RESOURCE_EXHAUSTED && retryInfo(error) !== undefined)
  )
}

/**
 * Milliseconds to wait before the next attempt: what the receiver asks for, but never less than the
 * back-off, so that a receiver that asks for none is not flooded.
 *
 * @param attempt attempts so far, from 1.
 * @param random from 0 to 1: agents that failed together shall not come back together.
 */
export function retryDelay(error: unknown, attempt: number, random: number): number {
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * GROWTH ** (attempt - 1))
  const backoff = delay * (1 - JITTER + 2 * JITTER * random)
  return Math.min(LONGEST_TIMER, Math.max(backoff, retryInfo(error) ?? 0))
}

/**
 * Whether the receiver refused the request because of its size. gRPC names no code for that: Go, C++ and
 * JavaScript say "larger than max", Java and .NET "exceeds (the) maximum", all with RESOURCE_EXHAUSTED;
 * Rust's tonic says "message length too large" with OUT_OF_RANGE, which else would be sent again as it is,
 * and "size limit … exceeded" of what was compressed.
 */
export function isTooLarge(error: unknown): boolean {
  const { code, details } = error as ServiceError
  if (code !== status.RESOURCE_EXHAUSTED && code !== status.OUT_OF_RANGE) return false
  return /larger than max|message.*(too large|exceeds .*maximum)|size limit.*exceeded/i.test(
    details ?? '',
  )
}

/** The name of the gRPC status, or the error's own. */
export function reasonOf(error: unknown): string {
  const { code, name } = error as ServiceError
  return typeof code === 'number' ? (status[code] ?? String(code)) : (code ?? name)
}

/** The milliseconds that the receiver asks for: a google.rpc.RetryInfo in `grpc-status-details-bin`. */
function retryInfo(error: unknown): number | undefined {
  const [details] = (error as ServiceError).metadata?.get('grpc-status-details-bin') ?? []
  if (!Buffer.isBuffer(details)) return undefined
  for (const any of fields(details).get(DETAILS) ?? []) {
    const message = fields(any as Buffer)
    const type = String(message.get(TYPE_URL)?.[0] ?? '')
    if (!type.endsWith('/google.rpc.RetryInfo')) continue
    const [delay] =
      fields((message.get(VALUE)?.[0] as Buffer) ?? Buffer.alloc(0)).get(RETRY_DELAY) ?? []
    const duration = fields((delay as Buffer) ?? Buffer.alloc(0))
    const [seconds = 0] = duration.get(SECONDS) ?? []
    const [nanoseconds = 0] = duration.get(NANOSECONDS) ?? []
    return Number(seconds) * 1000 + Number(nanoseconds) / 1e6
  }
  return undefined
}

// Field numbers of google.rpc.Status, google.protobuf.Any, google.rpc.RetryInfo, google.protobuf.Duration.
const DETAILS = 3
const TYPE_URL = 1
const VALUE = 2
const RETRY_DELAY = 1
const SECONDS = 1
const NANOSECONDS = 2

const VARINT = 0
const LENGTH_DELIMITED = 2

/** The varint and length-delimited fields of a protobuf message; reading ends at anything else. */
function fields(message: Buffer): Map<number, (Buffer | number)[]> {
  const found = new Map<number, (Buffer | number)[]>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; at < message.length; scale *= 128) {
      const byte = message[at++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    return value
  }
  while (at < message.length) {
    const tag = varint()
    const type = tag & 7
    if (type !== VARINT && type !== LENGTH_DELIMITED) break
    let value: Buffer | number = varint()
    if (type === LENGTH_DELIMITED) {
      const end = at + value
      value = message.subarray(at, end)
      at = end
    }
    const number = tag >>> 3
    found.set(number, [...(found.get(number) ?? []), value])
  }
  return found
}
