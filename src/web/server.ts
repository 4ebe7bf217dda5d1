/** The agent's HTTP server: routes, methods, limits, and an orderly end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, type GuardSettings, guard } from './protection/guard.ts'
import { putTlsBefore, type TlsSettings } from './protection/tls-front.ts'
import { plainText, type Reply, type Route } from './reply.ts'

/** How the server is protected, as it is now; the same objects as long as it doesn't change. */
export interface Protection extends GuardSettings {
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined
}

export interface WebServerOptions {
  readonly host: string
  readonly port: number
  /** By path, without query. */
  readonly routes: ReadonlyMap<string, Route>
  /** Gives the protection at each connection and request; without it there is none. */
  readonly protection?: (() => Protection) | undefined
}

export interface WebServer {
  /** The address that it listens on, as a URL. */
  readonly url: string
  /** Lets requests under way end, for at most `milliseconds`, then closes every connection. */
  close(milliseconds: number): Promise<void>
}

/** A client that is slower than this in asking is cut off. */
const REQUEST_TIMEOUT = 10_000

/** @throws NodeJS.ErrnoException when the port is taken or may not be used. */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { host, port, routes, protection } = options
  const unguarded: Answer = (request) => answer(routes, request)
  const respond = protection === undefined ? unguarded : guard(unguarded, protection)
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT }, (request, response) => {
    respond(request)
      .catch(() => plainText(500, 'internal error\n'))
      .then((reply) => send(request, response, reply))
  })
  const endConnections = protection && secure(server, protection)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    url: urlOf(server, endConnections === undefined ? 'http' : 'https'),
    close: (milliseconds) =>
      new Promise((resolve) => {
        const deadline = setTimeout(() => {
          server.closeAllConnections()
          endConnections?.()
        }, milliseconds)
        server.close(() => {
          clearTimeout(deadline)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

/** Puts TLS before the server, where it is wanted; whether it is, can't change any more. */
function secure(server: Server, protection: () => Protection): (() => void) | undefined {
  let { tls } = protection()
  if (tls === undefined) return undefined
  return putTlsBefore(server, () => {
    tls = protection().tls ?? tls
    return tls as TlsSettings
  })
}

function urlOf(server: Server, scheme: string): string {
  const { address, family, port } = server.address() as AddressInfo
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
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
