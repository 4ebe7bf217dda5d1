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

/**
 * Milliseconds to wait before the next attempt; undefined when there must be none.
 *
 * @param attempt attempts so far, from 1.
 * @param random from 0 to 1: agents that failed together shall not come back together.
 */
export function retryDelay(error: unknown, attempt: number, random: number): number | undefined {
  const asked = retryInfo(error)
  if (asked !== undefined) return asked
  if (!RETRYABLE.has((error as ServiceError).code)) return undefined
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * GROWTH ** (attempt - 1))
  return delay * (1 - JITTER + 2 * JITTER * random)
}

/** Whether the receiver refused the request because of its size. */
export function isTooLarge(error: unknown): boolean {
  const { code, details } = error as ServiceError
  return (
    code === status.RESOURCE_EXHAUSTED && /larger than max|message.*too large/i.test(details ?? '')
  )
}

/** The name of the gRPC status, or the error's own. */
export function reasonOf(error: unknown): string {
  const { code, name } = error as ServiceError
  return typeof code === 'number' ? (status[code] ?? String(code)) : (code ?? name)
}

/**
 * The delay that the receiver asks for: a google.rpc.RetryInfo in `grpc-status-details-bin`. Only with it
 * may a request be sent again that exhausted the receiver.
 */
function retryInfo(error: unknown): number | undefined {
  const { code, metadata } = error as ServiceError
  if (!RETRYABLE.has(code) && code !== status.RESOURCE_EXHAUSTED) return undefined
  const [details] = metadata?.get('grpc-status-details-bin') ?? []
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
