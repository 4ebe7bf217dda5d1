/** The agent in a container, as the manifests have it. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Containerd } from '../containerd/containerd.ts'
import type { RunningContainer, RunningPod, Runtime } from '../containerd/runtime.ts'
import { run, type Scope } from '../support/children.ts'
import { freePort, untilReady } from '../support/http.ts'
import { containerConfig, type NodeFacts } from './kubelet.ts'
import { agentsOf, type Container, type KubeObject } from './manifests.ts'

/** The name of its pod, and its namespace. */
export const AGENT = 'otel-interrogator'

/** Long, for an emulated machine takes its time. */
const START_SECONDS = 120

export interface AgentContainer extends RunningContainer {
  readonly pod: RunningPod
  readonly url: string
  end(): Promise<void>
}

/** A node's directories that stand for those of the machine: containers are this check's own. */
export async function nodeFacts(scope: Scope, { socket }: Containerd): Promise<NodeFacts> {
  const directory = scope.directory()
  const runtime = join(directory, 'containerd')
  const none = join(directory, 'none')
  mkdirSync(runtime)
  mkdirSync(none)
  // Mounts pass from a shared one only, as /run is on a node with systemd.
  for (const words of [
    ['--bind', directory, directory],
    ['--make-shared', directory],
    ['--bind', dirname(socket), runtime],
  ]) {
    const { code, output } = await run('mount', words)
    if (code !== 0) throw new Error(`mount: ${output}`)
  }
  scope.onEnd(async () => void (await run('umount', ['--lazy', '--recursive', directory])))
  return {
    fields: { 'spec.nodeName': 'node-1', 'status.podIP': '127.0.0.1' },
    cgroupParent: '/kubepods/burstable/podPOD',
    paths: { '/run/containerd': runtime, '/run/crio': none, '/run/k3s/containerd': none },
  }
}

/**
 * Runs the agent of a build of `deploy/`, and waits for its first collection. It has the node's network, so it listens
 * on loopback.
 *
 * @param objects the build.
 * @param change what is to be other than in the manifest.
 */
export async function runAgent(
  scope: Scope,
  runtime: Runtime,
  facts: NodeFacts,
  objects: readonly KubeObject[],
  change: (container: Container) => Container = (container) => container,
): Promise<AgentContainer> {
  const [container] = agentsOf(objects)
  const port = await freePort()
  const args = container.args.map((word) =>
    word.replace(/(web\.listen-address=).*/, `$1127.0.0.1:${port}`),
  )
  const pod = await runtime.runPod({
    name: AGENT,
    namespace: AGENT,
    cgroupParent: facts.cgroupParent,
  })
  const config = containerConfig(scope, objects, change({ ...container, args }), facts)
  const running = await runtime.runConfigured(pod, container.name, config)
  const url = `http://127.0.0.1:${port}`
  await untilReady(`${url}/readyz`, START_SECONDS)
  return { ...running, pod, url, end: () => runtime.removePod(pod) }
}
