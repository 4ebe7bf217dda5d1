import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../test/support/free-port.ts'
import { attributesOf, type ReceivedRequest } from '../../test/support/receiver.ts'
import { type Check, require } from '../check.ts'
import { NAMESPACE, OWNER, startApiServer } from '../collector/api-server.ts'
import { buildCollector } from '../collector/build.ts'
import { Collector, writtenRequests } from '../collector/collector.ts'
import { Containerd } from '../containerd/containerd.ts'
import type { RunningContainer, RunningPod } from '../containerd/runtime.ts'
import { AGENT, NODE_FACTS, runAgent } from '../deploy/agent-pod.ts'
import { collectorImage } from '../deploy/collector-image.ts'
import { imageArchive } from '../deploy/image.ts'
import { containerConfig } from '../deploy/kubelet.ts'
import { agentsOf, type Container, objectsOf, podsOf, withVariables } from '../deploy/manifests.ts'
import { untilReady } from '../support/http.ts'
import { mebibytes, residentMemory } from '../support/memory.ts'

const NODE = 'node-1'
/** Two processes beside the shell. */
const SCRIPT = 'sleep 100000 & sleep 100000 & wait'
const PROCESSES = 3
const PATIENCE = 60_000

interface Started {
  readonly pod: RunningPod
  readonly container: RunningContainer
}

type Resource = ReceivedRequest['resourceMetrics'][number]

export const check: Check = {
  title: 'the overlay collector-sidecar in containers, a real Collector in it: pods attributed',

  async run({ scope, print }) {
    const program = await buildCollector(scope, print)
    const containerd = await Containerd.start(scope)
    const objects = await objectsOf('overlays/collector-sidecar')
    const [{ image }] = agentsOf(objects)
    const collector = podsOf(objects)
      .flatMap(({ spec }) => spec.containers)
      .find((container) => container.name === 'otel-collector')
    require(collector !== undefined, 'the overlay has no Collector')
    await containerd.importImages(await imageArchive(scope, image))

    const started: Started[] = []
    for (const [name, cgroupParent] of [
      ['fluent-bit-a', '/kubepods/burstable/podPOD'],
      ['fluent-bit-b', '/kubepods/besteffort/podPOD'],
    ] as const) {
      const pod = await containerd.runPod({ name, namespace: NAMESPACE, cgroupParent })
      for (const container of ['main', 'helper']) {
        started.push({ pod, container: await containerd.runContainer(pod, container, SCRIPT) })
      }
    }
    const server = await startApiServer(
      scope,
      NODE,
      [...new Set(started.map(({ pod }) => pod))].map((pod) => ({
        ...pod,
        containers: started.filter((one) => one.pod === pod).map(({ container }) => container),
      })),
    )
    const gateway = await startGateway(scope, program, server)
    await containerd.importImages(
      await collectorImage(scope, program, collector.image, server.certificate),
    )

    // Ports are fixed in the overlay, as they may be in a pod; this one's address is its own.
    const address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`
    const podFacts = {
      ...NODE_FACTS,
      fields: {
        'spec.nodeName': NODE,
        'status.podIP': address,
        'metadata.namespace': AGENT,
      },
      cluster: {
        port: server.port,
        token: server.token,
        rootCertificate: readFileSync(server.certificate, 'utf8'),
      },
    }
    const agent = await runAgent(scope, containerd, podFacts, objects, probedAtItsPort)
    const sending = withVariables(collector, {
      OTLP_ENDPOINT: gateway.endpoint,
      // The stand-in for an API server lists and watches, it does not stream lists.
      KUBE_FEATURE_WatchListClient: 'false',
    })
    const beside = await containerd.runConfigured(
      agent.pod,
      collector.name,
      containerConfig(scope, objects, sending, podFacts),
    )
    const port = collector.readinessProbe?.httpGet?.port
    await untilReady(`http://${address}:${port}/`)
    const [manifest] = agentsOf(objects)
    const command = manifest.livenessProbe?.exec?.command ?? []
    require((await containerd.execute(agent, command)) === 0, 'the liveness probe fails')
    print('both are alive, as the probes of the manifest see it')

    for (const { pod, container } of started) {
      const owned = { 'k8s.daemonset.name': OWNER, 'k8s.node.name': NODE }
      const resource = await gateway.resourceOf({ pod, container }, owned)
      const counts = pointsNamed(resource, 'workload.process.count')
      require(counts[0] === PROCESSES, `${container.name} of ${pod.name} has ${counts} processes`)
      for (const name of ['container.cpu.time', 'container.cpu.pressure.time']) {
        require(pointsNamed(resource, name).length > 0, `${container.name} has no ${name}`)
      }
    }
    print(`${started.length} containers of pods: names by the runtime, owners by the API server`)
    for (const container of [agent, beside]) {
      await gateway.resourceOf({ pod: agent.pod, container }, {})
    }
    require(server.requests.every(
      ({ isAuthentic }) => isAuthentic,
    ), 'the Collector has not the token of the pod')
    const resources = objects.flatMap(({ rules = [] }) =>
      rules.flatMap(({ resources }) => resources),
    )
    const asked = ['/api/v1/pods', ...server.unknown]
    const refused = asked.filter((path) => !resources.includes(basename(path)))
    require(refused.length === 0, `the Collector may not ask for ${refused.join(', ')}`)
    print(`of the API server it asks for ${[...new Set(asked)].join(', ')}, which it may`)
    const sizes = [agent, beside].map(
      ({ name, pid }) => `${name} ${mebibytes(residentMemory(pid).most)}`,
    )
    return `${started.length} containers, and both of the sidecar's pod; resident at most: ${sizes.join(', ')}`
  },
}

/** Where the overlay's Collector sends: one that expects TLS, and writes files. */
async function startGateway(
  scope: Parameters<Check['run']>[0]['scope'],
  program: string,
  { key, certificate }: { readonly key: string; readonly certificate: string },
) {
  const port = await freePort()
  const file = join(scope.directory(), 'metrics.json')
  const endpoint = `127.0.0.1:${port}`
  const tls = { cert_file: certificate, key_file: key }
  const collector = new Collector(scope, program, {
    receivers: { otlp: { protocols: { grpc: { endpoint, tls } } } },
    exporters: { file: { path: file, flush_interval: '100ms' } },
    service: { pipelines: { metrics: { receivers: ['otlp'], exporters: ['file'] } } },
  })
  await collector.start(port)
  return {
    endpoint,
    /** Waits for the Resource of a container, with what else is to be on it. */
    async resourceOf(
      { pod, container }: Started,
      more: Readonly<Record<string, string>>,
    ): Promise<Resource> {
      const wanted = {
        'container.id': container.id,
        'k8s.pod.uid': pod.uid,
        'k8s.pod.name': pod.name,
        'k8s.namespace.name': pod.namespace,
        'k8s.container.name': container.name,
        ...more,
      }
      const deadline = Date.now() + PATIENCE
      for (;;) {
        const resources = writtenRequests(file).flatMap(({ resourceMetrics }) => resourceMetrics)
        const seen = resources.map(({ resource }) => attributesOf(resource))
        const index = seen.findLastIndex((attributes) =>
          Object.entries(wanted).every(([name, value]) => attributes[name] === value),
        )
        if (index >= 0) return resources[index]
        const nearest = seen.findLast((attributes) => attributes['container.id'] === container.id)
        require(Date.now() <
          deadline, `${container.name} of ${pod.name}: ${JSON.stringify(nearest ?? 'nothing')}`)
        await delay(500)
      }
    },
  }
}

function pointsNamed({ scopeMetrics }: Resource, wanted: string): number[] {
  const metrics = scopeMetrics.flatMap(({ metrics }) => metrics)
  return metrics
    .filter(({ name }) => name === wanted)
    .flatMap(({ gauge, sum }) => (gauge ?? sum)?.dataPoints ?? [])
    .map(({ asInt, asDouble }) => Number(asInt ?? asDouble))
}

/** The check's agent listens on a port of its own; the probe asks where this variable says. */
function probedAtItsPort(container: Container): Container {
  const [port] = /\d+$/.exec(container.args.at(-1) ?? '') ?? []
  return withVariables(container, { OTEL_EXPORTER_PROMETHEUS_PORT: port ?? '' })
}
