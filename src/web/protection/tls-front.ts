/** TLS before an HTTP server, with the certificate and demands as they are when a client connects. */
import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import {
  createServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls'
import { type ClientDemands, isWelcome } from './client-certificate.ts'

/** The certificate and key of the server, and what clients must present. */
export interface TlsSettings extends ClientDemands {
  readonly context: SecureContextOptions
}

/**
 * Lets a server that isn't listening yet speak TLS only.
 *
 * The server accepts connections as before, but they go through a TLS server of the current settings, which
 * never listens itself. So everything can change while running, and what is connected stays.
 *
 * @param handshakeTimeout milliseconds in which a client must have shaken hands.
 * @param settings gives them as they are now, the same object as long as they don't change.
 * @returns ends every connection, those whose handshake is under way too.
 */
export function putTlsBefore(
  server: HttpServer,
  handshakeTimeout: number,
  settings: () => TlsSettings,
): () => void {
  const accept = server.listeners('connection')
  server.removeAllListeners('connection')
  const serve = (socket: TLSSocket) => {
    for (const listener of accept) listener.call(server, socket)
  }
  const connected = new Set<Socket>()
  let built: { of: TlsSettings; tls: TlsServer } | undefined
  server.on('connection', (socket: Socket) => {
    connected.add(socket)
    socket.once('close', () => connected.delete(socket))
    const current = settings()
    if (built?.of !== current)
      built = { of: current, tls: createTls(current, handshakeTimeout, serve) }
    built.tls.emit('connection', socket)
  })
  return () => {
    for (const socket of connected) socket.destroy()
  }
}

function createTls(
  settings: TlsSettings,
  handshakeTimeout: number,
  serve: (socket: TLSSocket) => void,
): TlsServer {
  const { context, clientCertificate } = settings
  const tls = createServer({
    ...context,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout,
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'verified',
  })
  tls.on('secureConnection', (socket) => {
    if (isWelcome(socket, settings)) serve(socket)
    else socket.destroy()
  })
  tls.on('tlsClientError', (_, socket) => socket.destroy())
  return tls
}
