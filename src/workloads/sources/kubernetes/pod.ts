/** What is kept of a pod (core/v1 `Pod`): names, owner, allowed labels, and the containers it has now. */
import type { Container, KeptKeys, Pod } from '../../names.ts'
import { array, object, text } from './json.ts'

/** A pod and its containers. */
export interface PodEntry {
  readonly pod: Pod
  readonly containers: readonly Container[]
}

/** In the order of the specification. One name is one container of a pod, whichever the kind. */
const SPECIFIED = ['initContainers', 'containers', 'ephemeralContainers']
const STATUSES = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses']

const CONFIG_HASH = 'kubernetes.io/config.hash'
const CONFIG_MIRROR = 'kubernetes.io/config.mirror'

const CONTAINER_ID = /^([^:/]+):\/\/([^/]+)$/

/** The pod's `metadata.uid`, undefined for what is no pod. */
export function uidOf(value: unknown): string | undefined {
  return text(object(object(value).metadata).uid)
}

/** Whether all its containers have ended for good; what remains of it is a record. */
export function isOver(value: unknown): boolean {
  const { phase } = object(object(value).status)
  return phase === 'Succeeded' || phase === 'Failed'
}

/** Undefined for what has not the uid and the names that each pod has. */
export function parsePod(value: unknown, kept: KeptKeys): PodEntry | undefined {
  const { metadata, spec, status } = object(value)
  const { name, namespace, labels, annotations, ownerReferences } = object(metadata)
  const uid = uidOf(value)
  const podName = text(name)
  const podNamespace = text(namespace)
  if (uid === undefined || podName === undefined || podNamespace === undefined) return undefined
  const owner = controllerOf(ownerReferences)
  const pod: Pod = {
    uid,
    cgroupUid: cgroupUidOf(uid, annotations),
    name: podName,
    namespace: podNamespace,
    labels: pick(labels, kept.labels),
    annotations: pick(annotations, kept.annotations),
    ...(owner !== undefined && { owner }),
  }
  return { pod, containers: containersOf(object(status), imagesOf(object(spec)), pod) }
}

/**
 * A static pod's uid is the hash of its manifest, and so is the uid that the kubelet reports. The API server
 * has a mirror of it under a uid of its own, with the hash in an annotation. Anyone can annotate a pod, but
 * only a kubelet makes mirrors.
 */
function cgroupUidOf(uid: string, annotations: unknown): string {
  const { [CONFIG_HASH]: hash, [CONFIG_MIRROR]: mirror } = object(annotations)
  return mirror === undefined ? uid : (text(hash) ?? uid)
}

function controllerOf(references: unknown): Pod['owner'] {
  for (const reference of array(references)) {
    const { kind, name, controller } = object(reference)
    const ownerKind = text(kind)
    const ownerName = text(name)
    if (controller === true && ownerKind !== undefined && ownerName !== undefined) {
      return { kind: ownerKind, name: ownerName }
    }
  }
  return undefined
}

function pick(from: unknown, keys: ReadonlySet<string>): ReadonlyMap<string, string> {
  const members = object(from)
  const picked = new Map<string, string>()
  for (const key of keys) {
    const value = Object.hasOwn(members, key) ? members[key] : undefined
    if (typeof value === 'string') picked.set(key, value)
  }
  return picked
}

/** Images as the user wrote them, by container name; a status may have a digest instead. */
function imagesOf(spec: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const images = new Map<string, string>()
  for (const kind of SPECIFIED) {
    for (const container of array(spec[kind])) {
      const { name, image } = object(container)
      if (typeof name === 'string' && typeof image === 'string') images.set(name, image)
    }
  }
  return images
}

/**
 * One for each status that has an id. After a crash that is the container that ran last, until the next one
 * is there: its cgroup may have been read just before.
 */
function containersOf(
  status: Readonly<Record<string, unknown>>,
  images: ReadonlyMap<string, string>,
  pod: Pod,
): Container[] {
  const containers: Container[] = []
  for (const kind of STATUSES) {
    for (const value of array(status[kind])) {
      const { name, containerID, image: resolved, state, lastState } = object(value)
      const [, runtime, id] = CONTAINER_ID.exec(text(containerID) ?? '') ?? []
      const containerName = text(name)
      if (runtime === undefined || id === undefined || containerName === undefined) continue
      const image = text(images.get(containerName)) ?? text(resolved)
      const startedAt = startOf(state) ?? startOf(lastState)
      containers.push({
        id,
        name: containerName,
        isSandbox: false,
        runtime,
        ...(image !== undefined && { image }),
        ...(startedAt !== undefined && { startedAt }),
        pod,
      })
    }
  }
  return containers
}

/** Seconds since the epoch, of a `ContainerState`. */
function startOf(state: unknown): number | undefined {
  const { running, terminated } = object(state)
  const startedAt = text(object(running ?? terminated).startedAt)
  const milliseconds = Date.parse(startedAt ?? '')
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000
}
