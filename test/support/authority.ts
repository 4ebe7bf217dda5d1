/** A certificate authority of a test, and certificates that it signs. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

export interface Issued {
  /** Paths of PEM files. */
  readonly certificate: string
  readonly key: string
  /** Their contents. */
  readonly cert: string
  readonly privateKey: string
}

export interface Authority extends Issued {
  /** Where everything is; gone with the test. */
  readonly directory: string
  /** @param san alternative names as openssl writes them, such as `DNS:localhost`. */
  issue(name: string, san: string): Issued
}

/** Undefined when there is no openssl. */
export function makeAuthority(t: ExecutionContext): Authority | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'authority-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const make = (name: string, ...words: string[]): Issued => {
    const certificate = join(directory, `${name}.pem`)
    const key = join(directory, `${name}.key`)
    const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name}`
    const files = ['-keyout', key, '-out', certificate]
    execFileSync('openssl', [...request.split(' '), ...files, ...words], { stdio: 'ignore' })
    const [cert, privateKey] = [certificate, key].map((path) => readFileSync(path, 'utf8'))
    return { certificate, key, cert: cert as string, privateKey: privateKey as string }
  }
  try {
    const ca = make('ca')
    const sign = ['-CA', ca.certificate, '-CAkey', ca.key]
    const issue = (name: string, san: string) =>
      make(name, ...sign, '-addext', `subjectAltName=${san}`)
    return { ...ca, directory, issue }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
