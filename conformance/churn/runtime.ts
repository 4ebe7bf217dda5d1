/** A container runtime with given names, for containers whose names become known late. */
import { fileURLToPath } from 'node:url'
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { Scope } from '../support/children.ts'

const PROTO = fileURLToPath(new URL('cri.proto', import.meta.url))
const RUNNING = 1

export interface NamedContainer {
  readonly id: string
  readonly name: string
  readonly podUid: string
  readonly podName: string
}

/** Serves the CRI at a socket; `known` may change at any time. */
export async function startRuntime(
  scope: Scope,
  socket: string,
  known: ReadonlyMap<string, NamedContainer>,
): Promise<void> {
  const definition = loadSync(PROTO, { keepCase: true, defaults: true })
  const { runtime } = loadPackageDefinition(definition) as unknown as {
    runtime: { v1: { RuntimeService: ServiceClientConstructor } }
  }
  const server = new Server()
  const answer = (give: () => object) => (_: unknown, reply: (error: null, body: object) => void) =>
    reply(null, give())
  server.addService(runtime.v1.RuntimeService.service, {
    Version: answer(() => ({ version: '0.1.0', runtime_name: 'churn', runtime_version: '1' })),
    ListPodSandbox: answer(() => ({
      items: [...known.values()].map(({ podUid, podName }) => ({
        id: sandbox(podUid),
        metadata: { name: podName, uid: podUid, namespace: 'churn' },
      })),
    })),
    ListContainers: answer(() => ({
      containers: [...known.values()].map(({ id, name, podUid }) => ({
        id,
        pod_sandbox_id: sandbox(podUid),
        metadata: { name },
        image: { image: 'registry.example/churn:1' },
        state: RUNNING,
      })),
    })),
  })
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  )
  scope.onEnd(() => server.forceShutdown())
}

function sandbox(podUid: string): string {
  return podUid.replaceAll('-', '').padEnd(64, '0')
}
