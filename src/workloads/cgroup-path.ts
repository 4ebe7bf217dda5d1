/**
 * The owner of a cgroup by its path: a container, a pod, or the host itself.
 *
 * Paths are those that the kubelet and the runtimes make; a container's processes may sit in deeper directories
 * (crun's `container`, systemd inside), which belong to the container all the same.
 */

/** The owner of a cgroup, by its path. */
export interface CgroupOwner {
  /** `pod`: of a Kubernetes pod; `container`: of another container; `host`: of neither. */
  readonly scope: 'pod' | 'container' | 'host'
  /** With dashes; 32 hexadecimal digits for a static pod. */
  readonly podUid?: string
  readonly qosClass?: 'guaranteed' | 'burstable' | 'besteffort'
  /** 64 hexadecimal digits, but for runtimes that name containers otherwise. */
  readonly containerId?: string
  /** `containerd`, `cri-o`, `docker`, `podman`, `lxc`, …; undefined where the path doesn't tell. */
  readonly runtime?: string
  /** Directories of the pod and of the container: beginnings of the path. */
  readonly podPath?: string
  readonly containerPath?: string
  /** Whether this is the runtime's monitor of a container (conmon), not the container. */
  readonly isMonitor: boolean
  /** The service or scope of the host's systemd. */
  readonly unit?: string
  /** The user whose session or service manager it is. */
  readonly uid?: number
}

/** The same for all cgroups of one container; or of a pod, outside of its containers. */
export function ownerKey({ scope, containerId, podUid }: CgroupOwner): string {
  return containerId ?? podUid ?? scope
}

/**
 * Finds the owner of a cgroup.
 *
 * @param path below the mount point, beginning with a slash; `..` at its beginning is left out of account.
 */
export function cgroupOwner(path: string): CgroupOwner {
  const parts = path.split('/')
  const pod = findPod(parts)
  const container = findContainer(parts, pod === undefined ? 1 : pod.index)
  if (pod !== undefined) {
    return {
      scope: 'pod',
      podUid: pod.uid,
      qosClass: qosClass(parts, pod.index),
      // A driver mismatch puts pod and container into one directory.
      ...(pod.index !== container?.index && { podPath: pathTo(parts, pod.index) }),
      ...containerFields(parts, container),
    }
  }
  if (container !== undefined && !container.isMonitor) {
    return { scope: 'container', ...containerFields(parts, container) }
  }
  return { scope: 'host', isMonitor: container !== undefined, ...hostFields(parts) }
}

interface FoundContainer {
  readonly index: number
  readonly id: string
  readonly runtime: string | undefined
  readonly isMonitor: boolean
}

const UID = '[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32}'
const POD = new RegExp(`^(?:.*-)?pod(${UID})(?:\\.slice(?::.*)?)?$`)

/** The last one: a node that is itself a container has pods below it. */
function findPod(parts: readonly string[]): { index: number; uid: string } | undefined {
  for (let index = parts.length - 1; index > 0; index--) {
    const uid = parts[index].includes('pod') ? POD.exec(parts[index])?.[1] : undefined
    if (uid !== undefined) return { index, uid: uid.replaceAll('_', '-') }
  }
  return undefined
}

function qosClass(parts: readonly string[], pod: number) {
  const levels = [parts[pod - 1], parts[pod]]
  for (const name of ['burstable', 'besteffort'] as const) {
    if (levels.some((level) => level === name || level.includes(`-${name}-pod`))) return name
  }
  return 'guaranteed'
}

/** The first one below the pod, or of the whole path: what it starts within itself is its own. */
function findContainer(parts: readonly string[], from: number): FoundContainer | undefined {
  for (let index = from; index < parts.length; index++) {
    const found = hashContainer(parts, index) ?? namedContainer(parts, index)
    if (found !== undefined) return { index, ...found }
  }
  return undefined
}

const HASH = /^(?:(.*)[-:])?([0-9a-f]{64})(?:\.scope)?$/

function hashContainer(
  parts: readonly string[],
  index: number,
): Omit<FoundContainer, 'index'> | undefined {
  const match = parts[index].length < 64 ? null : HASH.exec(parts[index])
  if (match === null) return undefined
  const [, before = '', id] = match
  const prefix = before.slice(before.lastIndexOf(':') + 1)
  const runtime = PREFIXES[prefix.replace(/-?conmon$/, '')] ?? PARENTS[parts[index - 1]]
  return { id, runtime, isMonitor: prefix.endsWith('conmon') }
}

/** The prefix of the id in the directory's name. */
const PREFIXES: Readonly<Record<string, string>> = {
  'cri-containerd': 'containerd',
  containerd: 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
  docker: 'docker',
  libpod: 'podman',
}

/** The directory in which a runtime makes its containers' own. */
const PARENTS: Readonly<Record<string, string>> = {
  docker: 'docker',
  libpod_parent: 'podman',
}

const LXC = /^lxc\.(payload|monitor)[./](.+)$/
const ECS = /^[0-9a-f]{32}-\d+$/
const GARDEN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){4,}/

/** Containers of runtimes that don't use hashes. */
function namedContainer(
  parts: readonly string[],
  index: number,
): Omit<FoundContainer, 'index'> | undefined {
  const part = parts[index]
  const parent = parts[index - 1]
  const [, kind, name] = LXC.exec(part) ?? []
  if (name !== undefined) return { id: name, runtime: 'lxc', isMonitor: kind === 'monitor' }
  if (parent === 'lxc' && part !== '') return { id: part, runtime: 'lxc', isMonitor: false }
  if (ECS.test(part)) return { id: part, runtime: 'docker', isMonitor: false }
  if (parent === 'garden' && GARDEN.test(part)) {
    return { id: part, runtime: 'garden', isMonitor: false }
  }
  return undefined
}

function containerFields(parts: readonly string[], container: FoundContainer | undefined) {
  if (container === undefined || container.isMonitor) {
    return { isMonitor: container !== undefined }
  }
  const { id, runtime, index } = container
  return {
    isMonitor: false,
    containerId: id,
    containerPath: pathTo(parts, index),
    ...(runtime !== undefined && { runtime }),
  }
}

function hostFields(parts: readonly string[]): Pick<CgroupOwner, 'unit' | 'uid'> {
  const unit = parts.find((part) => part.endsWith('.service') || part.endsWith('.scope'))
  const user = parts.map((part) => /^user-(\d+)\.slice$/.exec(part)?.[1]).find((uid) => uid)
  return { ...(unit !== undefined && { unit }), ...(user !== undefined && { uid: Number(user) }) }
}

function pathTo(parts: readonly string[], index: number): string {
  return parts.slice(0, index + 1).join('/')
}
