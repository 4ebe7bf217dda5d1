/** Whether a client's certificate is as asked for: Go's `tls.ClientAuthType`, and the names it may have. */
import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** What is asked of clients: `none`, `requested`, `any` one, `verified-if-given` or a `verified` one. */
export type ClientCertificate = 'none' | 'requested' | 'any' | 'verified-if-given' | 'verified'

/** What clients must present in a TLS handshake. */
export interface ClientDemands {
  readonly clientCertificate: ClientCertificate
  /** A certificate has to have one of these alternative names; undefined for any. */
  readonly clientAllowedSans: readonly string[] | undefined
}

/** Whether the client's certificate is accepted, once the handshake is done. */
export function isWelcome(
  socket: TLSSocket,
  { clientCertificate, clientAllowedSans }: ClientDemands,
): boolean {
  if (clientCertificate === 'none') return true
  const certificate = socket.getPeerX509Certificate()
  if (!meets(clientCertificate, certificate !== undefined, socket.authorized)) return false
  if (clientAllowedSans === undefined) return true
  return certificate !== undefined && hasName(certificate, clientAllowedSans)
}

function meets(asked: ClientCertificate, isGiven: boolean, isVerified: boolean): boolean {
  if (asked === 'requested') return true
  if (asked === 'any') return isGiven
  // Node calls a resumed connection without a certificate verified, so that alone isn't enough.
  return isGiven ? isVerified : asked === 'verified-if-given'
}

function hasName(certificate: X509Certificate, allowed: readonly string[]): boolean {
  const names = alternativeNames(certificate.subjectAltName ?? '')
  return allowed.some((name) =>
    isIP(name) === 0 ? names.has(name) : certificate.checkIP(name) !== undefined,
  )
}

/** The names in a text such as `DNS:a, URI:"b, c"`: Node quotes, as in JSON, what could be mistaken. */
function alternativeNames(text: string): Set<string> {
  const parts = text.matchAll(/(?:^|, )(?:DNS|URI|email):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/g)
  return new Set(
    [...parts].map(([, name = '']) => (name.startsWith('"') ? String(JSON.parse(name)) : name)),
  )
}
