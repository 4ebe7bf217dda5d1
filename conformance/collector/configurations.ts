/** The configurations of `otel/`, as they are, in a real Collector: pushing as a sidecar, and being scraped. */
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../test/support/free-port.ts'
import { type Receiver, startReceiver } from '../../test/support/receiver.ts'
import { type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import type { Scope } from '../support/children.ts'
import { type MadePods, makePods } from '../support/pods.ts'
import { NAMESPACE, OWNER, startApiServer } from './api-server.ts'
import { Collector, configuration } from './collector.ts'

const PATIENCE = 30_000

export async function checkConfigurations(context: CheckContext, program: string): Promise<void> {
  await checkSidecar(context, program)
  await checkScrape(context, program)
}

/** Pods that the agent knows by uid only; the Collector asks the API server for the rest. */
async function checkSidecar({ scope, print }: CheckContext, program: string): Promise<void> {
  const pods = makePods(scope)
  const backend = await startBackend(scope)
  const port = await freePort()
  const collector = new Collector(scope, program, configuration('sidecar.yaml'))
  await collector.start(port, {
    OTLP_PORT: String(port),
    OTLP_HTTP_PORT: String(await freePort()),
    BACKEND: backend.endpoint.replace('http://', ''),
    K8S_NODE_NAME: hostname(),
    K8S_AUTH_TYPE: 'kubeConfig',
    KUBECONFIG: await kubeconfigOf(scope, pods),
    // The stand-in for an API server lists and watches, it does not stream lists.
    KUBE_FEATURE_WatchListClient: 'false',
  })
  await startAgent(scope, [
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=http://127.0.0.1:${port}`,
    '--otlp.interval=500ms',
    '--workloads.sources=none',
  ])
  for (const [index, { id, podUid }] of pods.containers.entries()) {
    const resource = await untilFound(
      backend,
      (attributes) =>
        attributes['container.id'] === id && attributes['k8s.daemonset.name'] !== undefined,
      `container ${id} without what the API server knows`,
    )
    const expected = {
      'k8s.pod.uid': podUid,
      'k8s.pod.name': podName(podUid),
      'k8s.namespace.name': NAMESPACE,
      'k8s.node.name': hostname(),
      'k8s.daemonset.name': OWNER,
    }
    for (const [key, value] of Object.entries(expected)) {
      require(resource[key] ===
        value, `${key} of container ${index} is ${resource[key]}, not ${value}`)
    }
  }
  await collector.stop()
  print(`sidecar.yaml: k8s_attributes names the pods of ${pods.containers.length} containers`)
}

async function checkScrape({ scope, print }: CheckContext, program: string): Promise<void> {
  const pods = makePods(scope)
  const backend = await startBackend(scope)
  const { url } = await startAgent(scope, ['--prometheus.naming=otel', '--workloads.sources=none'])
  const collector = new Collector(scope, program, configuration('scrape.yaml'))
  const port = Number(new URL(url).port)
  await collector.start(port, {
    AGENT: `127.0.0.1:${port}`,
    SCRAPE_INTERVAL: '1s',
    BACKEND: backend.endpoint.replace('http://', ''),
  })
  for (const { id, podUid } of pods.containers) {
    const resource = await untilFound(
      backend,
      (attributes) => attributes['container.id'] === id,
      `container ${id} by scraping`,
    )
    require(resource['k8s.pod.uid'] === podUid, `its pod is ${resource['k8s.pod.uid']}`)
  }
  await collector.stop()
  print(`scrape.yaml: ${pods.containers.length} containers have Resources again`)
}

async function startBackend(scope: Scope): Promise<Receiver> {
  const receiver = await startReceiver()
  scope.onEnd(() => receiver.close())
  return receiver
}

/** An API server that knows the pods; gives the path of a kubeconfig. */
async function kubeconfigOf(scope: Scope, { containers }: MadePods): Promise<string> {
  const pods = containers.map(({ podUid, id }) => ({
    uid: podUid,
    name: podName(podUid),
    namespace: NAMESPACE,
    containers: [{ name: 'main', id }],
  }))
  const server = await startApiServer(scope, hostname(), pods)
  const cluster = {
    server: `https://127.0.0.1:${server.port}`,
    'certificate-authority': server.certificate,
  }
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token: server.token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  }
  const path = join(scope.directory(), 'kubeconfig')
  writeFileSync(path, JSON.stringify(kubeconfig))
  return path
}

function podName(uid: string): string {
  return `fluent-bit-${uid.slice(0, 5)}`
}

async function untilFound(
  backend: Receiver,
  isWanted: (attributes: Readonly<Record<string, unknown>>) => boolean,
  what: string,
): Promise<Readonly<Record<string, unknown>>> {
  const deadline = Date.now() + PATIENCE
  for (;;) {
    for (const { resourceMetrics } of backend.requests.toReversed()) {
      for (const { resource } of resourceMetrics) {
        const attributes = Object.fromEntries(
          resource.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
        )
        if (isWanted(attributes)) return attributes
      }
    }
    require(Date.now() < deadline, `the Collector does not give ${what}`)
    await delay(100)
  }
}
