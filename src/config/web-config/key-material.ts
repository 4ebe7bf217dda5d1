/** Certificates and keys of a web configuration file: inline or in files of their own, and whether they fit. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Section } from './section.ts'

/** A certificate and its key. */
export interface KeyMaterial {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

/** Finds the files that a section names. */
export interface Files {
  /** Relative paths begin here. */
  readonly directory: string
  /** Called with each path before it is read. */
  readonly onFile: (path: string) => void
}

/** The server's certificate and key; undefined when something is wrong with them. */
export function readKeyMaterial(section: Section, files: Files): KeyMaterial | undefined {
  const cert = readPem(section, 'cert', 'cert_file', files)
  const key = readPem(section, 'key', 'key_file', files)
  if (cert === undefined) needOne(section, 'cert', 'cert_file')
  if (key === undefined) needOne(section, 'key', 'key_file')
  if (cert === undefined || key === undefined) return undefined
  const certificate = parse(section, cert, (pem) => new X509Certificate(pem))
  const privateKey = parse(section, key, createPrivateKey)
  if (certificate === undefined || privateKey === undefined) return undefined
  if (!fits(certificate, privateKey)) {
    section.problem(key.name, `${key.what} is not the key of ${cert.what}`)
    return undefined
  }
  return { cert: cert.pem, key: key.pem }
}

/** The certificates of the authorities that sign clients' certificates; undefined when there are none. */
export function readClientCa(section: Section, files: Files): string | undefined {
  const ca = readPem(section, 'client_ca', 'client_ca_file', files)
  if (ca === undefined || parse(section, ca, (pem) => new X509Certificate(pem)) === undefined) {
    return undefined
  }
  return ca.pem
}

interface Pem {
  readonly pem: string
  /** The key of the section. */
  readonly name: string
  /** What to call it in a message. */
  readonly what: string
}

function readPem(
  section: Section,
  inline: string,
  file: string,
  { directory, onFile }: Files,
): Pem | undefined {
  const text = section.text(inline)
  const name = section.text(file)
  if (text !== undefined && name !== undefined) {
    section.problem(inline, `${inline} and ${file} are both there; leave one out`)
  }
  if (name === undefined) {
    return text === undefined ? undefined : { pem: text, name: inline, what: inline }
  }
  const path = resolve(directory, name)
  onFile(path)
  try {
    return { pem: readFileSync(path, 'utf8'), name: file, what: `${file} ${path}` }
  } catch (error) {
    section.problem(file, `${file} can't be read: ${(error as Error).message}`)
    return undefined
  }
}

function needOne(section: Section, inline: string, file: string): void {
  if (!section.has(inline) && !section.has(file)) {
    section.problem(file, `tls_server_config needs ${file} (or ${inline}) to serve TLS`)
  }
}

function parse<T>(section: Section, { pem, name, what }: Pem, read: (pem: string) => T) {
  try {
    return read(pem)
  } catch {
    const reason = pem.includes('ENCRYPTED')
      ? 'is encrypted; give it without a passphrase'
      : `is not ${name.startsWith('key') ? 'a private key' : 'a certificate'} in PEM`
    section.problem(name, `${what} ${reason}`)
    return undefined
  }
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key)
  } catch {
    return false
  }
}
