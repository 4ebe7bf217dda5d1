/** References between objects that an API server accepts and a node can't resolve. */
import type { Container, KubeObject, Labels, PodTemplate } from './manifests.ts'
import { podsOf } from './manifests.ts'

/** Kubernetes puts it into every namespace. */
const CLUSTER_CA = 'kube-root-ca.crt'

/** Says of each name in the objects that nothing bears it. */
export function danglingNames(objects: readonly KubeObject[]): string[] {
  const pods = podsOf(objects)
  return [
    ...pods.flatMap((pod) => danglingInPod(pod, objects)),
    ...objects.flatMap((object) => [
      ...danglingRights(object, objects),
      ...danglingSelector(object, objects, pods),
      ...danglingPorts(object, objects, pods),
    ]),
  ]
}

function danglingInPod({ spec }: PodTemplate, objects: readonly KubeObject[]): string[] {
  const problems: string[] = []
  const has = (kind: string, name: string) => isThere(objects, kind, name)
  if (!has('ServiceAccount', spec.serviceAccountName)) {
    problems.push(`no ServiceAccount ${spec.serviceAccountName}`)
  }
  for (const { name, configMap } of spec.volumes) {
    const config = configMap?.name
    if (config !== undefined && config !== CLUSTER_CA && !has('ConfigMap', config)) {
      problems.push(`volume ${name}: no ConfigMap ${config}`)
    }
    const users = spec.containers.flatMap(({ volumeMounts }) => volumeMounts)
    if (!users.some((mount) => mount.name === name)) problems.push(`volume ${name} is not mounted`)
  }
  for (const container of spec.containers) {
    for (const { name } of container.volumeMounts) {
      const isVolume = spec.volumes.some((volume) => volume.name === name)
      if (!isVolume) problems.push(`${container.name} mounts ${name}, which is no volume`)
    }
    problems.push(...danglingProbes(container), ...danglingVariables(container))
  }
  return problems
}

function danglingProbes(container: Container): string[] {
  const { name, ports = [], livenessProbe, readinessProbe } = container
  return [livenessProbe, readinessProbe].flatMap((probe) => {
    const port = probe?.httpGet?.port
    const isMissing = typeof port === 'string' && !ports.some((one) => one.name === port)
    return isMissing ? [`${name}: a probe of the port ${port}, which it doesn't have`] : []
  })
}

/** `$(NAME)` stands for a variable that is set before; else Kubernetes leaves it as it is. */
function danglingVariables({ name: container, env }: Container): string[] {
  return env.flatMap(({ name, value = '' }, index) => {
    const before = new Set(env.slice(0, index).map((variable) => variable.name))
    return [...value.matchAll(/\$\((\w+)\)/g)]
      .filter(([, used]) => !before.has(used))
      .map(([, used]) => `${container}: ${name} uses ${used}, which is not set before it`)
  })
}

function danglingRights(
  { kind, metadata, roleRef, subjects = [] }: KubeObject,
  objects: readonly KubeObject[],
): string[] {
  const problems: string[] = []
  if (roleRef !== undefined && !isThere(objects, roleRef.kind, roleRef.name)) {
    problems.push(`${kind} ${metadata.name}: no ${roleRef.kind} ${roleRef.name}`)
  }
  for (const { kind: subject, name } of subjects) {
    // A Prometheus is another's.
    if (name !== 'prometheus-k8s' && !isThere(objects, subject, name)) {
      problems.push(`${kind} ${metadata.name}: no ${subject} ${name}`)
    }
  }
  return problems
}

function danglingSelector(
  { kind, metadata, spec }: KubeObject,
  objects: readonly KubeObject[],
  pods: readonly PodTemplate[],
): string[] {
  if (spec?.selector === undefined) return []
  const { selector } = spec
  const wanted = ('matchLabels' in selector ? selector.matchLabels : selector) as Labels
  const services = objects.filter((object) => object.kind === 'Service')
  const candidates =
    kind === 'ServiceMonitor'
      ? services.map((service) => service.metadata.labels ?? {})
      : pods.map((pod) => pod.metadata.labels)
  const isFound = candidates.some((labels) =>
    Object.entries(wanted).every(([key, value]) => labels[key] === value),
  )
  return isFound ? [] : [`${kind} ${metadata.name} selects nothing`]
}

function danglingPorts(
  { kind, metadata, spec }: KubeObject,
  objects: readonly KubeObject[],
  pods: readonly PodTemplate[],
): string[] {
  const ofPods = pods.flatMap(({ spec }) => spec.containers.flatMap(({ ports = [] }) => ports))
  const ofServices = objects.flatMap((object) =>
    object.kind === 'Service' ? (object.spec?.ports ?? []) : [],
  )
  const used = [
    ...(spec?.podMetricsEndpoints ?? []).map(({ port }) => ({ port, among: ofPods })),
    ...(spec?.endpoints ?? []).map(({ port }) => ({ port, among: ofServices })),
    ...(kind === 'Service' ? (spec?.ports ?? []) : []).map(({ targetPort }) => ({
      port: targetPort,
      among: ofPods,
    })),
    ...(spec?.ingress ?? []).flatMap(({ ports = [] }) =>
      ports.map(({ port }) => ({ port, among: ofPods })),
    ),
  ]
  return used
    .filter(({ port, among }) => !among.some(({ name }) => name === port))
    .map(({ port }) => `${kind} ${metadata.name}: there is no port ${port}`)
}

function isThere(objects: readonly KubeObject[], kind: string, name: string): boolean {
  return objects.some((object) => object.kind === kind && object.metadata.name === name)
}
