/** The agent's HTTP server: routes, methods, limits, and an orderly end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Values } from '../lib/settings/setting.ts'
import { type Answer, type GuardSettings, guard } from './protection/guard.ts'
import { putTlsBefore, type TlsSettings } from './protection/tls-front.ts'
import { piecesOf, plainText, type Reply, type Route, sizeOf } from './reply.ts'
import type { SERVER_SETTINGS } from './settings.ts'

/** How the server is protected, as it is now; the same objects as long as it doesn't change. */
export interface Protection extends GuardSettings {
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined
}

/** What clients may ask of the server. */
export type WebLimits = Pick<
  Values<typeof SERVER_SETTINGS>['web'],
  'max_connections' | 'max_request_size' | 'request_timeout' | 'response_timeout'
>

/** The address, the routes, the protection and the limits of the server. */
export interface WebServerOptions
  extends Pick<Values<typeof SERVER_SETTINGS>['prometheus'], 'host' | 'port'> {
  /** By path, without query. */
  readonly routes: ReadonlyMap<string, Route>
  /** Gives the protection at each connection and request; without it there is none. */
  readonly protection?: (() => Protection) | undefined
  readonly limits: WebLimits
}

/** A server that listens. */
export interface WebServer {
  /** The address that it listens on, as a URL. */
  readonly url: string
  /** Lets requests under way end, for at most `milliseconds`, then closes every connection. */
  close(milliseconds: number): Promise<void>
}

/**
 * The longest time between two looks for clients that are too slow, in milliseconds. Node.js looks whether or not anybody is
 * connected: once a second would take as much CPU time as a scrape a minute.
 */
const CHECK_INTERVAL = 10_000

/**
 * Starts the HTTP server.
 *
 * @throws NodeJS.ErrnoException when the port is taken or may not be used.
 */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { host, port, routes, protection, limits } = options
  const unguarded: Answer = (request) => answer(routes, request)
  const respond = protection === undefined ? unguarded : guard(unguarded, protection)
  const { request_timeout: requestTimeout, response_timeout: responseTimeout } = limits
  const timing = {
    requestTimeout,
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: Math.min(requestTimeout, CHECK_INTERVAL),
    maxHeaderSize: limits.max_request_size,
  }
  const server = createServer(timing, (request, response) => {
    const refusal = hostRefusal(request)
    const replied = refusal === undefined ? respond(request) : Promise.resolve(refusal)
    replied
      .catch(() => plainText(500, 'internal error\n'))
      .then((reply) => send(request, response, reply, responseTimeout))
  })
  server.maxConnections = limits.max_connections
  const endConnections = protection && secure(server, protection, requestTimeout)
  await listen(server, port, host)
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

/**
 * `localhost` is the loopback address also where no file of hosts and no name server says so, as in a minimal container
 * (RFC 6761, section 6.3).
 *
 * @throws NodeJS.ErrnoException
 */
async function listen(server: Server, port: number, host: string): Promise<void> {
  const tryToListen = (address: string) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, () => {
        server.off('error', reject)
        resolve()
      })
    })
  try {
    await tryToListen(host)
  } catch (error) {
    const isUnknown = (error as NodeJS.ErrnoException).syscall === 'getaddrinfo'
    if (host !== 'localhost' || !isUnknown) throw error
    await tryToListen('127.0.0.1')
  }
}

/** Puts TLS before the server, where it is wanted; whether it is, can't change any more. */
function secure(
  server: Server,
  protection: () => Protection,
  handshakeTimeout: number,
): (() => void) | undefined {
  let { tls } = protection()
  if (tls === undefined) return undefined
  return putTlsBefore(server, handshakeTimeout, () => {
    tls = protection().tls ?? tls
    return tls as TlsSettings
  })
}

function urlOf(server: Server, scheme: string): string {
  const { address, family, port } = server.address() as AddressInfo
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** RFC 9112, section 3.2: one Host header of a valid form; Node.js itself refuses a request without any. */
function hostRefusal({ headersDistinct }: IncomingMessage): Reply | undefined {
  const hosts = headersDistinct.host ?? []
  if (hosts.length <= 1 && hosts.every((host) => HOST.test(host))) return undefined
  return plainText(400, 'the Host header must be one host, with or without a port\n', {
    Connection: 'close',
  })
}

/** `uri-host [":" port]` of RFC 9110 and RFC 3986; empty where the target has no host. */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i

/** The path of a request target: `/path`, or `http://host/path` as a proxy's client has it. */
function pathOf(target: string): string {
  const [path] = target.replace(ABSOLUTE, '').split('?', 1)
  return path === '' ? '/' : path
}

const ABSOLUTE = /^https?:\/\/[^/?#]*/i

async function answer(
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return plainText(405, 'only GET and HEAD are allowed\n', { Allow: 'GET, HEAD' })
  }
  const path = pathOf(request.url ?? '/')
  const route = routes.get(path)
  if (route === undefined) {
    return plainText(404, `not found; there are ${[...routes.keys()].join(', ')}\n`)
  }
  return route(request)
}

/** @param milliseconds in which the client has to take it. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  milliseconds: number,
): void {
  const deadline = setTimeout(() => response.destroy(), milliseconds)
  const end = () => {
    clearTimeout(deadline)
    reply.onEnd?.()
  }
  // The client may have left meanwhile.
  if (response.closed) {
    end()
    return
  }
  response.once('close', end)
  // What the client still sends is not read.
  if (!request.complete) response.setHeader('Connection', 'close')
  response.writeHead(reply.status, {
    'Content-Type': reply.contentType,
    'Content-Length': sizeOf(reply.body),
    ...reply.headers,
  })
  if (request.method !== 'HEAD') for (const piece of piecesOf(reply.body)) response.write(piece)
  response.end()
}
