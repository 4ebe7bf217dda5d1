/** What the agent's HTTP server answers. */
import type { IncomingMessage } from 'node:http'

/** An answer of the HTTP server. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** Called once the client has the answer, or will not get it. */
  readonly onEnd?: () => void
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
