/** google.rpc.Status, in which receivers say why they refused a request and when it may come again. */
import { type FieldValue, message, readFields, text } from '../../lib/protobuf-reader.ts'

/** The parts of google.rpc.Status that are used. */
export interface RpcStatus {
  /** What the receiver says to people. */
  readonly message: string
  /** Milliseconds that it asks to wait: google.rpc.RetryInfo among the details. */
  readonly retryAfter: number | undefined
}

/** What can be read of a status; what is cut short or is none says nothing. */
export function readRpcStatus(bytes: Buffer): RpcStatus {
  try {
    const status = fields(bytes)
    const retries = (status.get(DETAILS) ?? []).map((detail) => retryDelay(message(detail)))
    return {
      message: text(status.get(MESSAGE)?.[0] ?? 0),
      retryAfter: retries.find((delay) => delay !== undefined),
    }
  } catch {
    return { message: '', retryAfter: undefined }
  }
}

// Field numbers of google.rpc.Status, google.protobuf.Any, google.rpc.RetryInfo, google.protobuf.Duration.
const MESSAGE = 2
const DETAILS = 3
const TYPE_URL = 1
const VALUE = 2
const RETRY_DELAY = 1
const SECONDS = 1
const NANOSECONDS = 2

/** @param any a google.protobuf.Any. */
function retryDelay(any: Buffer): number | undefined {
  const { [TYPE_URL]: type = 0, [VALUE]: value = 0 } = only(any)
  if (!text(type).endsWith('/google.rpc.RetryInfo')) return undefined
  const { [RETRY_DELAY]: delay = 0 } = only(message(value))
  const { [SECONDS]: seconds = 0, [NANOSECONDS]: nanoseconds = 0 } = only(message(delay))
  return Number(seconds) * 1000 + Number(nanoseconds) / 1e6
}

function fields(bytes: Buffer): Map<number, FieldValue[]> {
  const all = new Map<number, FieldValue[]>()
  readFields(bytes, (number, value) => all.set(number, [...(all.get(number) ?? []), value]))
  return all
}

/** The fields of a message that has each once. */
function only(bytes: Buffer): Record<number, FieldValue> {
  return Object.fromEntries([...fields(bytes)].map(([number, [value]]) => [number, value]))
}
