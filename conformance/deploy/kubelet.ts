/** Turns a container of a manifest into the request that a kubelet makes to the runtime. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerConfig } from '../containerd/runtime.ts'
import type { Scope } from '../support/children.ts'
import type { Container, KubeObject, Volume } from './manifests.ts'
import { podsOf } from './manifests.ts'

const CPU_PERIOD = 100_000
const UNITS: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }
/** Of the CRI's MountPropagation. */
const HOST_TO_CONTAINER = 1

export interface NodeFacts {
  /** Values of the downward API, by its field. */
  readonly fields: Readonly<Record<string, string>>
  /** Of a burstable pod, in the form of the node's cgroup driver, as PodSpec has it. */
  readonly cgroupParent: string
  /** What every pod is told of the API server. */
  readonly cluster?: Cluster
}

export interface Cluster {
  readonly port: number
  readonly token: string
  /** In PEM. */
  readonly rootCertificate: string
}

/** The container's part of `objects`, with its ConfigMaps written into files. */
export function containerConfig(
  scope: Scope,
  objects: readonly KubeObject[],
  container: Container,
  facts: NodeFacts,
): ContainerConfig {
  const volumes = podsOf(objects).flatMap(({ spec }) => spec.volumes)
  const mounts = container.volumeMounts.map((mount) => {
    const volume = volumes.find(({ name }) => name === mount.name)
    const path = volume?.hostPath?.path
    return {
      container_path: mount.mountPath,
      host_path: path === undefined ? writeFiles(scope, filesOf(objects, volume, facts)) : path,
      readonly: mount.readOnly ?? false,
      propagation: mount.mountPropagation === 'HostToContainer' ? HOST_TO_CONTAINER : 0,
    }
  })
  return {
    image: { image: container.image },
    args: container.args,
    envs: variables(container, facts),
    mounts,
    linux: {
      resources: resources(container),
      security_context: securityContext(container),
    },
  }
}

/** The files of a volume, by name. */
function filesOf(
  objects: readonly KubeObject[],
  volume: Volume | undefined,
  { fields, cluster }: NodeFacts,
): Record<string, string> {
  const mapOf = (wanted: string | undefined) =>
    objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === wanted)?.data
  const files = { ...mapOf(volume?.configMap?.name) }
  for (const { serviceAccountToken, configMap, downwardAPI } of volume?.projected?.sources ?? []) {
    if (serviceAccountToken) files[serviceAccountToken.path] = cluster?.token ?? ''
    for (const { path, key } of configMap?.items ?? []) {
      // Each namespace has this one, made by the cluster.
      const isRoot = configMap?.name === 'kube-root-ca.crt'
      files[path] = (isRoot ? cluster?.rootCertificate : mapOf(configMap?.name)?.[key]) ?? ''
    }
    for (const { path, fieldRef } of downwardAPI?.items ?? []) {
      files[path] = fields[fieldRef.fieldPath] ?? ''
    }
  }
  return files
}

/** Gives the directory. Anybody may read it. */
function writeFiles(scope: Scope, files: Readonly<Record<string, string>>): string {
  const directory = scope.directory()
  chmodSync(directory, 0o755)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text)
  return directory
}

/** Values, with `$(NAME)` replaced by what was set before. */
function variables({ env }: Container, { fields, cluster }: NodeFacts) {
  const set = new Map<string, string>()
  if (cluster !== undefined) {
    set.set('KUBERNETES_SERVICE_HOST', '127.0.0.1')
    set.set('KUBERNETES_SERVICE_PORT', String(cluster.port))
  }
  for (const { name, value, valueFrom } of env) {
    const text = value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''] ?? ''
    set.set(
      name,
      text.replace(/\$\((\w+)\)/g, (whole, used) => set.get(used) ?? whole),
    )
  }
  return [...set].map(([key, value]) => ({ key, value }))
}

function resources({ resources: { limits = {} } = {} }: Container): object {
  const [, amount = '', unit = ''] = /^(\d+)(\w*)$/.exec(limits.memory ?? '') ?? []
  const [, millicores] = /^(\d+)m$/.exec(limits.cpu ?? '') ?? []
  return {
    cpu_period: CPU_PERIOD,
    cpu_quota: millicores === undefined ? 0 : (Number(millicores) * CPU_PERIOD) / 1000,
    memory_limit_in_bytes: Number(amount) * (UNITS[unit] ?? 1),
  }
}

function securityContext({ securityContext: context }: Container): object {
  return {
    capabilities: {
      add_capabilities: context.capabilities.add ?? [],
      drop_capabilities: context.capabilities.drop,
    },
    run_as_user: { value: context.runAsUser },
    readonly_rootfs: context.readOnlyRootFilesystem,
    no_new_privs: !context.allowPrivilegeEscalation,
    // RuntimeDefault, which the pods of all manifests have.
    seccomp: { profile_type: 0 },
  }
}
