/** Names of containers: what the agent says, against what the API server does. */
import type { Sample } from '../../test/support/exposition.ts'

export interface ApiPod {
  readonly metadata: {
    readonly namespace: string
    readonly name: string
    readonly uid: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[]
  }
  readonly status: {
    readonly phase: string
    readonly podIP?: string
    readonly startTime?: string
    readonly containerStatuses?: readonly ApiContainer[]
    readonly initContainerStatuses?: readonly ApiContainer[]
    readonly ephemeralContainerStatuses?: readonly ApiContainer[]
  }
}

interface ApiContainer {
  readonly name: string
  readonly containerID?: string
  readonly image: string
  readonly ready?: boolean
  readonly restartCount?: number
  readonly state?: { readonly running?: { readonly startedAt: string } }
}

export interface RunningContainer {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly pod: ApiPod
}

/** The metric that has a series for each container with a process. */
const METRIC = 'workload_processes'
const SANDBOX = 'POD'
/** The API server and the kubelet don't list pause containers: the agent knows one after a while. */
const SANDBOX_SECONDS = 30

/** Containers that run, of all kinds, as the API server knows them. */
export function runningContainers(pods: readonly ApiPod[]): RunningContainer[] {
  return pods.flatMap((pod) => {
    const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = pod.status
    const all = [containerStatuses, initContainerStatuses, ephemeralContainerStatuses]
    return all.flatMap((statuses = []) =>
      statuses.flatMap(({ name, containerID, image, state }) =>
        state?.running === undefined || containerID === undefined
          ? []
          : [{ id: containerID.replace(/^.*:\/\//, ''), name, image, pod }],
      ),
    )
  })
}

/**
 * Says what is wrong: a running container without a series, or one whose series has other names; a sandbox that is not
 * called so.
 *
 * @param hasNames whether the agent has a source of names; without one it must have ids.
 */
export function wrongNames(
  pods: readonly ApiPod[],
  samples: readonly Sample[],
  hasNames = true,
): string[] {
  const running = runningContainers(pods)
  const said = new Map<string, string>()
  for (const { name, labels } of samples) {
    if (name !== METRIC || labels.container_id === undefined) continue
    said.set(labels.container_id, nameOf(labels.namespace, labels.pod_name, labels.container_name))
  }
  const problems = running.flatMap(({ id, name, pod }) => {
    const { namespace, name: podName } = pod.metadata
    const right = nameOf(namespace, podName, name)
    const seen = said.get(id)
    if (seen === undefined) return [`${right} has no series`]
    return hasNames && seen !== right ? [`${right} is called ${seen}`] : []
  })
  const known = new Set(running.map(({ id }) => id))
  const old = Date.now() - SANDBOX_SECONDS * 1000
  const podNames = new Set(
    pods
      .filter(({ status }) => Date.parse(status.startTime ?? '') < old)
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  )
  for (const [id, seen] of hasNames ? said : []) {
    // One that the API server doesn't know: the pause container of a pod, or a container that came or went just now.
    const [namespace, pod, container] = seen.split('/')
    if (known.has(id) || container === SANDBOX || !podNames.has(`${namespace}/${pod}`)) continue
    if (container === '?') problems.push(`${id.slice(0, 12)} of ${namespace}/${pod} has no name`)
  }
  return problems
}

function nameOf(...parts: readonly (string | undefined)[]): string {
  return parts.map((part) => part ?? '?').join('/')
}
