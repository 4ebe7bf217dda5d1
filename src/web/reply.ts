/** What the agent's HTTP server answers. */
import type { IncomingMessage } from 'node:http'

/** An answer of the HTTP server. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  /** Whole, or in pieces. */
  readonly body: string | Buffer | readonly Buffer[]
  readonly headers?: Readonly<Record<string, string>>
  /** Called once the client has the answer, or will not get it. */
  readonly onEnd?: () => void
}

/** Bytes of a body. */
export function sizeOf(body: Reply['body']): number {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return Buffer.byteLength(body)
  return body.reduce((sum, { length }) => sum + length, 0)
}

/** A body in pieces. */
export function piecesOf(body: Reply['body']): readonly Buffer[] {
  if (typeof body === 'string') return [Buffer.from(body)]
  return Buffer.isBuffer(body) ? [body] : body
}

/** Answers the requests to one path. */
export type Route = (request: IncomingMessage) => Reply | Promise<Reply>

const TEXT = 'text/plain; charset=utf-8'

/** A short answer for people and probes. */
export function plainText(
  status: number,
  body: string,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return { status, contentType: TEXT, body, ...(headers && { headers }) }
}
