/** The agent in a container, as the manifests have it. */

import { freePort } from '../../test/support/free-port.ts'
import type { RunningContainer, RunningPod, Runtime } from '../containerd/runtime.ts'
import type { Scope } from '../support/children.ts'
import { untilReady } from '../support/http.ts'
import { containerConfig, type NodeFacts } from './kubelet.ts'
import { agentsOf, type Container, type KubeObject, withVariables } from './manifests.ts'

/** The name of its pod, and its namespace. */
export const AGENT = 'otel-interrogator'

/** Long, for an emulated machine takes its time. */
const START_SECONDS = 120

export interface AgentContainer extends RunningContainer {
  readonly pod: RunningPod
  readonly url: string
  end(): Promise<void>
}

/**
 * The manifest's variables that lead through the first process of the node, through this one instead: a virtual machine may
 * have a first process that is not readable.
 */
function throughOwnRoot({ env }: Container): Record<string, string> {
  const root = `/proc/${process.pid}/root`
  return Object.fromEntries(
    env.flatMap(({ name, value }) =>
      value?.includes('/proc/1/root') ? [[name, value.replace('/proc/1/root', root)]] : [],
    ),
  )
}

/** What the machine says where the manifest asks for it. */
export const NODE_FACTS: NodeFacts = {
  fields: { 'spec.nodeName': 'node-1', 'status.podIP': '127.0.0.1' },
  cgroupParent: '/kubepods/burstable/podPOD',
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
  // The last of equal flags counts.
  const listen = `--web.listen-address=127.0.0.1:${port}`
  const pod = await runtime.runPod({
    name: AGENT,
    namespace: AGENT,
    cgroupParent: facts.cgroupParent,
  })
  // Where a node has its socket there may be another runtime's.
  const endpoint = { CONTAINER_RUNTIME_ENDPOINT: `unix://${runtime.socket}` }
  const asked = change(withVariables(container, { ...endpoint, ...throughOwnRoot(container) }))
  const changed = { ...asked, args: [...asked.args, listen] }
  const config = containerConfig(scope, objects, changed, facts)
  const running = await runtime.runConfigured(pod, container.name, config)
  const url = `http://127.0.0.1:${port}`
  await untilReady(`${url}/readyz`, START_SECONDS)
  return { ...running, pod, url, end: () => runtime.removePod(pod) }
}
