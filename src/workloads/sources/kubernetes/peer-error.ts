/** What goes wrong between us and a kubelet or an API server, as one kind of error. */
import type { IncomingHttpHeaders } from 'node:http'

/** A request to a kubelet or an API server that failed. */
export class PeerError extends Error {
  override readonly name = 'PeerError'
  /**
   * For counters: the status code (`403`, `410`), the code of the system or of TLS (`ECONNREFUSED`), or
   * `garbage`, `cut` (the connection ended too soon), `stalled` (no byte for too long), `timeout`,
   * `too-large`, `credentials`.
   */
  readonly reason: string
  /** Milliseconds that the server asks us to wait. */
  readonly retryAfter: number

  constructor(reason: string, message: string, retryAfter = 0) {
    super(message)
    this.reason = reason
    this.retryAfter = Math.min(MAX_RETRY_AFTER, retryAfter)
  }
}

/** Beyond it a server that errs would silence us for good. */
const MAX_RETRY_AFTER = 300_000

const MAX_MESSAGE = 300

const OTHER_AUTHORITY = 'its certificate is from another authority than the one in the file'

const TRANSPORT_HINTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: give its authority, or allow that',
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_AUTHORITY,
  CERT_SIGNATURE_FAILURE: OTHER_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: say which',
  EPROTO: 'it speaks no TLS that we understand',
}

/** An error of the socket or of TLS. */
export function transportError(url: string, error: unknown): PeerError {
  const { code, message } = error as NodeJS.ErrnoException
  // Node's word for an answer that ended before its end.
  if (message === 'aborted') return new PeerError('cut', `${url} broke the answer off`)
  const hint = TRANSPORT_HINTS[code ?? '']
  return new PeerError(code ?? 'unknown', withHint(`${url}: ${message}`, hint))
}

/** An answer with another status than 200. */
export interface Refusal {
  readonly url: string
  readonly status: number
  readonly statusMessage: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly hint: string | undefined
  /** Cut out of whatever the server says. */
  readonly token: string
}

/** The error of an answer with another status than 200. */
export function refusal(refused: Refusal): PeerError {
  const { url, status, statusMessage, headers, body, hint, token } = refused
  const said = (statusOf(body)?.message ?? body).replaceAll(token, '…').replace(/\s+/g, ' ').trim()
  const what = [`${url} answered ${status} ${statusMessage}`, said.slice(0, MAX_MESSAGE)]
  const seconds = Number(headers['retry-after'])
  const message = withHint(what.filter((part) => part !== '').join(': '), hint)
  return new PeerError(String(status), message, seconds > 0 ? seconds * 1000 : 0)
}

/** The `Status` object (meta/v1) of an ERROR event, as if its code had been the answer's. */
export function errorEvent(url: string, status: unknown): PeerError {
  const { code = 500, message = '', details } = (status ?? {}) as Status
  const seconds = Number(details?.retryAfterSeconds)
  return new PeerError(
    String(code),
    `${url} ended the watch with ${code}: ${String(message).slice(0, MAX_MESSAGE)}`,
    seconds > 0 ? seconds * 1000 : 0,
  )
}

interface Status {
  readonly kind?: unknown
  readonly code?: unknown
  readonly message?: string
  readonly details?: { readonly retryAfterSeconds?: unknown } | null
}

function statusOf(body: string): Status | undefined {
  try {
    const status = JSON.parse(body) as Status | null
    return typeof status?.message === 'string' ? status : undefined
  } catch {
    return undefined
  }
}

function withHint(message: string, hint: string | undefined): string {
  return hint === undefined ? message : `${message}; ${hint}`
}
