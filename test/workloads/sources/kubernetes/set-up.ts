/** A simulated server, with a token file and an authority file as a pod has them, and sources that ask it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { KeptKeys } from '../../../../src/workloads/names.ts'
import type { Peer } from '../../../../src/workloads/sources/kubernetes/credentials.ts'
import {
  type KubernetesOptions,
  KubernetesSource,
} from '../../../../src/workloads/sources/kubernetes/kubernetes.ts'
import { makeCertificates } from '../../../support/certificates.ts'
import { type KubeServer, startKubeServer } from '../../../support/kube-server.ts'
import { skip } from '../../../support/skip.ts'

export const KEPT: KeptKeys = {
  labels: new Set(['app', 'absent', 'constructor']),
  annotations: new Set(['example.com/team']),
}

/** Never aborts. */
export const PATIENT = new AbortController().signal

export interface Setup {
  readonly server: KubeServer
  readonly peer: Peer
  /** Another certificate than the server's. */
  readonly otherCaFile: string
  /** What the server takes and the token file says. */
  rotate(token: string): void
}

/** Undefined, and the test skipped, without openssl. */
export async function setUp(t: ExecutionContext): Promise<Setup | undefined> {
  const files = makeCertificates(t, 'IP:127.0.0.1')
  const other = makeCertificates(t, 'IP:127.0.0.1')
  if (files === undefined || other === undefined) {
    skip(t, 'there is no openssl')
    return undefined
  }
  const server = await startKubeServer(files)
  t.teardown(() => server.close())
  const tokenFile = join(dirname(files.certificate), 'token')
  const rotate = (token: string) => {
    server.token = token
    writeFileSync(tokenFile, `${token}\n`)
  }
  rotate('secret-1')
  const caFile = files.certificate
  const peer = { host: '127.0.0.1', port: server.port, tokenFile, caFile }
  return { server, peer, otherCaFile: other.certificate, rotate }
}

/** A source that does not wait between attempts, and what it said of them. */
export function watchPods(
  t: ExecutionContext,
  { peer }: Setup,
  options: Partial<KubernetesOptions> = {},
): { source: KubernetesSource; errors: string[]; delays: number[] } {
  const errors: string[] = []
  const delays: number[] = []
  const source = new KubernetesSource({
    peer,
    nodeName: 'node-a',
    kept: KEPT,
    sleep: async (delay) => delays.push(delay),
    ...options,
  })
  source.observe({
    listed: () => {},
    failed: ({ message }) => errors.push(message),
    recovered: () => {},
  })
  t.teardown(() => {
    source.close()
    const token = readFileSync(peer.tokenFile, 'utf8').trim()
    if (errors.some((error) => error.includes(token)))
      throw new Error('an error has the token in it')
  })
  return { source, errors, delays }
}

/** Names of the pods that a source knows. */
export async function podNames(source: KubernetesSource): Promise<string[]> {
  const { pods } = await source.list(PATIENT)
  return pods.map(({ name }) => name).sort()
}
