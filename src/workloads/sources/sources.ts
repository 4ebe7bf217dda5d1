/** Which sources of names there are on this node, and which are asked. */
import { type Stats, statSync } from 'node:fs'
import { exists } from '../../kernel/exists.ts'
import type { Values } from '../../lib/settings/setting.ts'
import type { KeptKeys, NameSource } from '../names.ts'
import type { WORKLOAD_SETTINGS } from '../settings.ts'
import { CRI_SOCKETS, CriSource } from './cri/cri.ts'
import { DOCKER_SOCKETS, DockerSource, PODMAN_SOCKETS } from './docker.ts'
import { inClusterServer, SERVICE_ACCOUNT_FILES } from './kubernetes/credentials.ts'
import { KubeletSource } from './kubernetes/kubelet.ts'
import { KubernetesSource } from './kubernetes/kubernetes.ts'

/** A source that the setting `workloads.sources` can name. */
export type SourceName = 'cri' | 'kubelet' | 'kubernetes' | 'docker' | 'podman'

/** The settings of sources of names. */
export type SourceSettings = Values<typeof WORKLOAD_SETTINGS>['workloads']

/** What is known of the node when sources are chosen. */
export interface SourceContext {
  /** Name of this node's Node object; undefined where it isn't known. */
  readonly nodeName: string | undefined
  readonly environment: NodeJS.ProcessEnv
}

const ORDER: readonly SourceName[] = ['cri', 'kubelet', 'kubernetes', 'docker', 'podman']
const KUBELET_PORT = 10_250

/** A source that is asked for by name can't be had; the message says what is missing. */
export class SourceError extends Error {
  override name = 'SourceError'
}

/**
 * Creates the sources of names that the settings ask for, in the order of precedence.
 *
 * @throws SourceError
 */
export function createSources(settings: SourceSettings, context: SourceContext): NameSource[] {
  const { sources } = settings
  if (sources.includes('none')) return []
  const isAuto = sources.includes('auto')
  const wanted = isAuto ? ORDER : ORDER.filter((name) => sources.includes(name))
  const ordered = isAuto
    ? wanted
    : [...wanted].sort((a, b) => sources.indexOf(a) - sources.indexOf(b))
  const kept = { labels: new Set(settings.labels), annotations: new Set(settings.annotations) }
  return ordered.flatMap((name) => {
    const created = CREATE[name](settings, context, kept)
    if (typeof created === 'object') return created
    if (isAuto) return []
    throw new SourceError(`${name}: ${created}`)
  })
}

/** Gives the source, or says why there is none. */
type Create = (
  settings: SourceSettings,
  context: SourceContext,
  kept: KeptKeys,
) => NameSource | string

const CREATE: Readonly<Record<SourceName, Create>> = {
  cri({ cri_socket, host_root }, _, kept) {
    const named = cri_socket?.replace(/^unix:\/\//, '')
    const sockets = named === undefined ? CRI_SOCKETS : [named]
    const socket = firstSocket(sockets, host_root) ?? named ?? hiddenSocket(host_root)
    return socket === undefined
      ? `no runtime listens at ${CRI_SOCKETS.join(', ')}; name its socket in workloads.cri_socket`
      : new CriSource(socket, kept)
  },
  kubelet({ kubelet, kubelet_insecure: insecure }, _, kept) {
    if (kubelet === undefined) return 'name its address in workloads.kubelet'
    const [, host = '', port = KUBELET_PORT] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(kubelet) ?? []
    const peer = { host, port: Number(port), ...SERVICE_ACCOUNT_FILES, insecure }
    return new KubeletSource({ peer, kept })
  },
  kubernetes(_, { environment, nodeName }, kept) {
    if (nodeName === undefined) return 'the name of this node is not known; set node.name'
    if (!exists(SERVICE_ACCOUNT_FILES.tokenFile)) return 'there is no token of a service account'
    try {
      const peer = { ...inClusterServer(environment), ...SERVICE_ACCOUNT_FILES }
      return new KubernetesSource({ peer, nodeName, kept })
    } catch (error) {
      return (error as Error).message
    }
  },
  docker: (settings) => dockerSource('docker', DOCKER_SOCKETS, settings),
  podman: (settings) => dockerSource('podman', PODMAN_SOCKETS, settings),
}

function dockerSource(
  name: 'docker' | 'podman',
  sockets: readonly string[],
  { host_root }: SourceSettings,
): NameSource | string {
  const socket = firstSocket(sockets, host_root)
  return socket === undefined
    ? `nothing listens at ${sockets.join(', ')}`
    : new DockerSource(name, socket)
}

/** @param root below which they are looked for besides the agent's own tree. */
function firstSocket(sockets: readonly string[], root: string | undefined): string | undefined {
  const below = root === undefined ? [] : sockets.map((path) => root.replace(/\/$/, '') + path)
  return [...below, ...sockets].find((path) => look(path)?.isSocket())
}

/**
 * The likeliest socket below a root that the agent may not look into: its source then fails, which is logged and counted,
 * instead of not being there.
 */
function hiddenSocket(root: string | undefined): string | undefined {
  if (root === undefined || exists(`${root}/.`)) return undefined
  return root.replace(/\/$/, '') + CRI_SOCKETS[0]
}

/** Undefined also for what is in a directory that we may not look into, as a runtime's often is. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
