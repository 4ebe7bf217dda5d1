/** `tls_server_config`: the server's certificate, what TLS it speaks, and what it asks of clients. */
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { ClientCertificate } from '../../web/protection/client-certificate.ts'
import type { TlsSettings } from '../../web/protection/tls-front.ts'
import { type Files, readClientCa, readKeyMaterial } from './key-material.ts'
import type { Section } from './section.ts'
import { CIPHER_SUITES, CURVES, cipherList, VERSIONS } from './tls-names.ts'

/** Keys of `tls_server_config`. */
export const TLS_KEYS = [
  'cert',
  'cert_file',
  'key',
  'key_file',
  'client_auth_type',
  'client_ca',
  'client_ca_file',
  'client_allowed_sans',
  'min_version',
  'max_version',
  'cipher_suites',
  'prefer_server_cipher_suites',
  'curve_preferences',
]

/** Go's `tls.ClientAuthType`, and an old name that the toolkit still takes. */
const CLIENT_AUTH_TYPES: Readonly<Record<string, ClientCertificate>> = {
  NoClientCert: 'none',
  RequestClientCert: 'requested',
  RequireAnyClientCert: 'any',
  RequireClientCert: 'any',
  VerifyClientCertIfGiven: 'verified-if-given',
  RequireAndVerifyClientCert: 'verified',
}

/** Undefined when there is to be no TLS, or when something is wrong. */
export function readTls(section: Section, files: Files): TlsSettings | undefined {
  if (!section.keys.some((key) => section.has(key))) return undefined
  const material = readKeyMaterial(section, files)
  const ca = readClientCa(section, files)
  const clientCertificate = section.word('client_auth_type', CLIENT_AUTH_TYPES) ?? 'none'
  const clientAllowedSans = section.texts('client_allowed_sans')
  checkClients(section, clientCertificate)
  const context = { ...material, ...(ca !== undefined && { ca }), ...readProtocol(section) }
  if (material !== undefined) checkContext(section, context)
  return { context, clientCertificate, clientAllowedSans }
}

function readProtocol(section: Section): SecureContextOptions {
  const minVersion = section.word('min_version', VERSIONS) ?? 'TLSv1.2'
  const maxVersion = section.word('max_version', VERSIONS) ?? 'TLSv1.3'
  if (minVersion > maxVersion) {
    const key = section.has('max_version') ? 'max_version' : 'min_version'
    section.problem(key, 'max_version is older than min_version: no client could connect')
  }
  const ciphers = cipherList(section.words('cipher_suites', CIPHER_SUITES) ?? [], minVersion)
  const curves = section.words('curve_preferences', CURVES) ?? []
  return {
    minVersion,
    maxVersion,
    honorCipherOrder: section.flag('prefer_server_cipher_suites') ?? true,
    ...(ciphers !== undefined && { ciphers }),
    ...(curves.length > 0 && { ecdhCurve: curves.join(':') }),
  }
}

/** What is set about clients' certificates has to have an effect. */
function checkClients(section: Section, asked: ClientCertificate): void {
  const hasCa = section.has('client_ca') || section.has('client_ca_file')
  if (hasCa && asked === 'none') {
    const key = section.has('client_ca_file') ? 'client_ca_file' : 'client_ca'
    section.problem(
      key,
      `${key} has no effect without client_auth_type: RequireAndVerifyClientCert`,
    )
  }
  if (!hasCa && asked.startsWith('verified')) {
    section.problem('client_auth_type', 'client_auth_type needs client_ca_file to verify against')
  }
  if (section.has('client_allowed_sans') && asked !== 'any' && asked !== 'verified') {
    section.problem(
      'client_allowed_sans',
      'client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert or RequireAnyClientCert',
    )
  }
}

/** Whether OpenSSL takes it all together. */
function checkContext(section: Section, context: SecureContextOptions): void {
  try {
    createSecureContext(context)
  } catch (error) {
    section.problem('', `tls_server_config can't be used: ${(error as Error).message}`)
  }
}
