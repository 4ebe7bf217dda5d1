/** What a Collector on the node needs beside it: its image, and a gateway that it sends to. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAllDocuments, stringify } from 'yaml'
import { attributesOf, type ReceivedRequest } from '../../test/support/receiver.ts'
import { require } from '../check.ts'
import { buildCollector } from '../collector/build.ts'
import { writtenRequests } from '../collector/collector.ts'
import { collectorImage } from '../deploy/collector-image.ts'
import { type Build, type KubeObject, podsOf } from '../deploy/manifests.ts'
import type { Scope } from '../support/children.ts'
import { type ApiPod, runningContainers } from './names.ts'
import { type KubernetesNode, NODE, NODE_IP } from './node.ts'

export const SIDECAR = 'collector-sidecar'
const PORT = 4317
/** Where the overlay sends to, and the files in `otel/`; here it is the node. */
const ENDPOINTS = /\b(?:otel-gateway\.observability|backend):4317\b/g
const COLLECTOR_IMAGE = /\/opentelemetry-collector\b/
const PATIENCE_SECONDS = 60
/** What the Collector adds, by the kind of a pod's owner. */
const OWNERS: Readonly<Record<string, string>> = {
  ReplicaSet: 'k8s.deployment.name',
  StatefulSet: 'k8s.statefulset.name',
  DaemonSet: 'k8s.daemonset.name',
  Job: 'k8s.job.name',
}

type Attributes = Readonly<Record<string, unknown>>

/** Says whether a Collector of the manifests sends on what it has. */
export function isSending(yaml: string): boolean {
  return yaml.search(ENDPOINTS) !== -1
}

/** The manifests, sending to the gateway. */
export function sendingToNode(yaml: string): string {
  return yaml.replaceAll(ENDPOINTS, `${NODE_IP}:${PORT}`)
}

/** A Collector that writes what others send to it. */
export class Gateway {
  readonly #node: KubernetesNode
  readonly #file: string
  /** Requests before are of another sender. */
  #first = 0

  private constructor(node: KubernetesNode, file: string) {
    this.#node = node
    this.#file = file
  }

  /** Puts the Collector's image on the node, by the names that the builds have for it, and starts the gateway there. */
  static async start(
    scope: Scope,
    node: KubernetesNode,
    builds: readonly Build[],
    print: (line: string) => void,
  ): Promise<Gateway> {
    const program = await buildCollector(scope, print)
    for (const image of collectorImages(builds)) {
      await node.importImages(await collectorImage(scope, program, image, node.pki('ca.crt')))
    }
    const file = join(node.state, 'gateway.jsonl')
    const configuration = join(node.state, 'gateway.yaml')
    const tls = { cert_file: node.pki('gateway.crt'), key_file: node.pki('gateway.key') }
    writeFileSync(
      configuration,
      stringify({
        receivers: { otlp: { protocols: { grpc: { endpoint: `${NODE_IP}:${PORT}`, tls } } } },
        exporters: { file: { path: file, flush_interval: '500ms' } },
        service: {
          telemetry: { metrics: { level: 'none' } },
          pipelines: { metrics: { receivers: ['otlp'], exporters: ['file'] } },
        },
      }),
    )
    node.startProgram('gateway', program, ['--config', configuration])
    return new Gateway(node, file)
  }

  /** Leaves out what has come so far. */
  forget(): void {
    this.#first = writtenRequests(this.#file).length
  }

  /** Waits until each container and pod that runs has its Resource; gives how many there are of both. */
  async untilAttributed(): Promise<{ containers: number; pods: number }> {
    const deadline = Date.now() + PATIENCE_SECONDS * 1000
    for (;;) {
      const { items } = await this.#node.get<{ items: ApiPod[] }>('pods', '--all-namespaces')
      const resources = resourcesOf(writtenRequests(this.#file).slice(this.#first).slice(-20))
      const containers = runningContainers(items)
      const pods = items.filter((pod) => containers.some((one) => one.pod === pod))
      const problems = [
        ...containers.flatMap(({ id, name, image, pod }) =>
          missing(
            `${pod.metadata.name}/${name}`,
            resources.find((one) => one['container.id'] === id),
            {
              ...ofPod(pod),
              'k8s.container.name': name,
              'container.image.name': repository(image),
            },
          ),
        ),
        ...pods.flatMap((pod) => wrongPod(pod, resources)),
      ]
      if (problems.length === 0) return { containers: containers.length, pods: pods.length }
      require(Date.now() < deadline, problems.join('; '))
      await delay(1000)
    }
  }
}

/** The names of the Collector's image in the builds, as containerd writes them out. */
function collectorImages(builds: readonly Build[]): Set<string> {
  const objects = builds.flatMap(({ yaml }) =>
    parseAllDocuments(yaml).map((document) => document.toJS() as KubeObject),
  )
  const containers = podsOf(objects).flatMap(({ spec }) => spec.containers)
  const images = containers.map(({ image }) => image).filter((image) => COLLECTOR_IMAGE.test(image))
  return new Set(images.map((image) => `docker.io/${image}`))
}

/** What the Collector says last of each Resource, by its identity. */
function resourcesOf(requests: readonly ReceivedRequest[]): Attributes[] {
  const seen = new Map<string, Attributes>()
  for (const { resourceMetrics } of requests) {
    for (const { resource } of resourceMetrics) {
      const attributes = attributesOf(resource)
      seen.set(String(attributes['service.instance.id']), attributes)
    }
  }
  return [...seen.values()]
}

function ofPod({ metadata }: ApiPod): Attributes {
  const [owner] = metadata.ownerReferences ?? []
  const key = OWNERS[owner?.kind ?? '']
  const name =
    owner?.kind === 'ReplicaSet' ? owner.name.replace(/-[^-]*$/, '') : (owner?.name as string)
  return {
    'k8s.namespace.name': metadata.namespace,
    'k8s.pod.name': metadata.name,
    'k8s.node.name': NODE,
    ...(key !== undefined && { [key]: name }),
  }
}

/** A pod's own Resource has what is the pod's, and nothing of a container. */
function wrongPod(pod: ApiPod, resources: readonly Attributes[]): string[] {
  const { namespace, name } = pod.metadata
  const resource = resources.find(
    (one) =>
      one['container.id'] === undefined &&
      one['k8s.namespace.name'] === namespace &&
      one['k8s.pod.name'] === name,
  )
  const problems = missing(`the pod ${name}`, resource, ofPod(pod))
  if (resource === undefined) return problems
  // Only the API server knows it: so the Collector has found the pod, static ones too.
  if (resource['k8s.pod.start_time'] === undefined) problems.push(`the pod ${name}: not found`)
  const strange = Object.keys(resource).filter((key) => /^(?:k8s\.)?container\./.test(key))
  return [...problems, ...strange.map((key) => `the pod ${name} has ${key}`)]
}

function missing(what: string, resource: Attributes | undefined, wanted: Attributes): string[] {
  if (resource === undefined) return [`${what} has no Resource`]
  return Object.entries(wanted)
    .filter(([key, value]) => familiar(resource[key]) !== familiar(value))
    .map(([key, value]) => `${what}: ${key} is ${resource[key]} instead of ${value}`)
}

/** As users write it: a runtime may have kept that, or give the name in full, as the API server does. */
function familiar(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^docker\.io\/(?:library\/)?/, '') : value
}

function repository(image: string): string {
  return image.replace(/:[^/:]+$/, '')
}
