/** A stand-in for an API server on loopback that knows the pods of a node, and who owns them. */
import { makeCertificates } from '../../test/support/certificates.ts'
import { somePod } from '../../test/support/kube-objects.ts'
import { type KubeServer, startKubeServer } from '../../test/support/kube-server.ts'
import { require } from '../check.ts'
import type { Scope } from '../support/children.ts'

export const NAMESPACE = 'logging'
/** The DaemonSet that owns all of them. */
export const OWNER = 'fluent-bit'

export interface ApiServer extends KubeServer {
  /** The path of the PEM file by which clients know it. */
  readonly certificate: string
  readonly key: string
}

export interface AnnouncedPod {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly containers: readonly { readonly name: string; readonly id: string }[]
}

export async function startApiServer(
  scope: Scope,
  nodeName: string,
  pods: readonly AnnouncedPod[],
): Promise<ApiServer> {
  const files = makeCertificates({ teardown: (end) => scope.onEnd(end) }, 'IP:127.0.0.1')
  require(files !== undefined, 'there is no openssl for the certificate of an API server')
  const server = await startKubeServer(files)
  scope.onEnd(() => server.close())
  for (const [number, { uid, name, namespace, containers }] of pods.entries()) {
    const containerStatuses = containers.map((container) => ({
      name: container.name,
      containerID: `containerd://${container.id}`,
      state: { running: {} },
    }))
    server.put(
      somePod(number, {
        nodeName,
        metadata: { uid, name, namespace },
        status: { containerStatuses },
      }),
    )
  }
  return Object.assign(server, files)
}
