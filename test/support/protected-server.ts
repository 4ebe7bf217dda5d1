/** A real server that a web configuration file protects, and a client that speaks TLS as told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type { ExecutionContext } from 'ava'
import { readWebConfig } from '../../src/config/web-config/web-config.ts'
import { Reloaded } from '../../src/web/protection/reloaded.ts'
import { plainText, type Route } from '../../src/web/reply.ts'
import { type Protection, startWebServer } from '../../src/web/server.ts'
import { limitsWith } from './web-limits.ts'

export interface ProtectedServer {
  readonly url: string
  /** The file. */
  readonly path: string
  /** What became of each change of the files: the problems, or undefined. */
  readonly reloads: readonly (string | undefined)[]
  /** Writes the file anew. */
  write(text: string): void
  close(milliseconds: number): Promise<void>
}

export async function serveProtected(
  t: ExecutionContext,
  text: string,
  routes: Record<string, Route> = { '/x': () => plainText(200, 'hello\n') },
): Promise<ProtectedServer> {
  const directory = mkdtempSync(join(tmpdir(), 'web-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'web.yml')
  const write = (content: string) => writeFileSync(path, content)
  write(text)
  const reloads: (string | undefined)[] = []
  const reloaded = new Reloaded<Protection>({
    read: (onFile) => readWebConfig(path, onFile),
    refuse: () => undefined,
    onReload: (problems) => reloads.push(problems),
  })
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map(Object.entries(routes)),
    limits: limitsWith(),
    protection: () => reloaded.current(),
  })
  t.teardown(() => server.close(100))
  return { url: server.url, path, reloads, write, close: (wait) => server.close(wait) }
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Asks over a connection of its own. */
export function getSecurely(url: string, options: ConnectionOptions): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { ...options, agent: false, servername: 'localhost' },
      (response) => {
        let body = ''
        response.on('data', (chunk) => {
          body += chunk
        })
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
        })
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}
