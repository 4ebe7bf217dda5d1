/** Go's names of TLS versions, cipher suites and curves, and what Node and OpenSSL call them. */
import type { SecureVersion } from 'node:tls'

/** TLS versions by Go's names. */
export const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
}

/** Of TLS 1.3. They can't be chosen in Go, and so are always on. */
const SUITES_OF_13 = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]

/** What Go's `tls.CipherSuites()` has. */
export const CIPHER_SUITES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SUITES_OF_13.map((name) => [name, name])),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
}

/** Curves by Go's names. */
export const CURVES: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
}

/**
 * OpenSSL's list of ciphers.
 *
 * @param chosen names of OpenSSL, in order of preference; empty for the usual ones.
 * @param least the oldest version: OpenSSL has those before TLS 1.2 only where its demands are lowered.
 */
export function cipherList(chosen: readonly string[], least: SecureVersion): string | undefined {
  const isOld = least === 'TLSv1' || least === 'TLSv1.1'
  if (chosen.length === 0) return isOld ? 'DEFAULT:@SECLEVEL=0' : undefined
  const names = new Set([...SUITES_OF_13, ...chosen])
  return [...names, ...(isOld ? ['@SECLEVEL=0'] : [])].join(':')
}
