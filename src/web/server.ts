/** The agent's HTTP server: routes, methods, limits, and an orderly end. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a route answers. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

export type Route = (request: IncomingMessage) => Reply | Promise<Reply>

export interface WebServerOptions {
  readonly host: string
  readonly port: number
  /** By path, without query. */
  readonly routes: ReadonlyMap<string, Route>
}

export interface WebServer {
  /** The address that it listens on, as a URL. */
  readonly url: string
  /** Lets requests under way end, for at most `milliseconds`, then closes every connection. */
  close(milliseconds: number): Promise<void>
}

const TEXT = 'text/plain; charset=utf-8'
/** A client that is slower than this in asking is cut off. */
const REQUEST_TIMEOUT = 10_000

/** @throws NodeJS.ErrnoException when the port is taken or may not be used. */
export async function startWebServer({ host, port, routes }: WebServerOptions): Promise<WebServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT }, (request, response) => {
    answer(routes, request)
      .catch(() => plainText(500, 'internal error\n'))
      .then((reply) => send(request, response, reply))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { address, family, port: actualPort } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actualPort}`,
    close: (milliseconds) =>
      new Promise((resolve) => {
        const deadline = setTimeout(() => server.closeAllConnections(), milliseconds)
        server.close(() => {
          clearTimeout(deadline)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

/** A short answer for people and probes. */
export function plainText(
  status: number,
  body: string,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return { status, contentType: TEXT, body, ...(headers && { headers }) }
}

async function answer(
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return plainText(405, 'only GET and HEAD are allowed\n', { Allow: 'GET, HEAD' })
  }
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const route = routes.get(path)
  if (route === undefined) {
    return plainText(404, `not found; there are ${[...routes.keys()].join(', ')}\n`)
  }
  return route(request)
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    'Content-Type': reply.contentType,
    'Content-Length': Buffer.byteLength(reply.body),
    ...reply.headers,
  })
  response.end(request.method === 'HEAD' ? undefined : reply.body)
}
