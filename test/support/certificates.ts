/** A self-signed P-256 certificate, for servers on loopback. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** @returns paths of PEM files, gone with the test; undefined when there is no openssl. */
export function makeCertificates(
  t: Pick<ExecutionContext, 'teardown'>,
  subject = 'DNS:localhost',
): { key: string; certificate: string } | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const key = join(directory, 'key.pem')
  const certificate = join(directory, 'certificate.pem')
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext subjectAltName=${subject}`
  try {
    execFileSync('openssl', [...request.split(' '), '-keyout', key, '-out', certificate], {
      stdio: 'ignore',
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return { key, certificate }
}
