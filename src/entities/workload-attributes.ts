/** Attributes that identify a container or pod, for all collectors. */
import type { Attributes } from '@opentelemetry/api'
import type { AttributeDefinition } from '../telemetry/definitions.ts'
import type { Workload } from '../workloads/workloads.ts'

/** What cAdvisor calls the container that holds a pod's namespaces. */
const SANDBOX = 'POD'

/** Keys of OpenTelemetry's semantic conventions, and the labels that the replaced systems have for them. */
export const WORKLOAD_KEYS = {
  'k8s.namespace.name': {
    description: 'Namespace of the pod',
    classic: 'namespace',
    cadvisor: 'namespace',
  },
  'k8s.pod.name': { description: 'Name of the pod', classic: 'pod_name', cadvisor: 'pod' },
  'k8s.pod.uid': { description: 'UID of the pod', classic: false, cadvisor: false },
  'k8s.container.name': {
    description: `Name of the container in the pod; ${SANDBOX} for the pause container`,
    classic: 'container_name',
    cadvisor: 'container',
  },
  'container.name': {
    description: 'Name of a container outside of pods',
    classic: 'container_name',
    cadvisor: 'container',
  },
  'container.id': {
    description: 'Id of the container',
    classic: 'container_id',
    cadvisor: 'name',
  },
  'container.image.name': {
    description: 'Image, as the user wrote it',
    classic: false,
    cadvisor: 'image',
  },
  'container.runtime.name': {
    description: 'Runtime of the container',
    classic: false,
    cadvisor: false,
  },
} as const satisfies Record<string, AttributeDefinition>

/** The attributes that are known of a workload; none for the host. */
export function workloadAttributes({ owner, container, pod }: Workload): Attributes {
  const attributes: Attributes = {}
  const set = (key: keyof typeof WORKLOAD_KEYS, value: string | undefined) => {
    if (value !== undefined && value !== '') attributes[key] = value
  }
  set('k8s.namespace.name', pod?.namespace)
  set('k8s.pod.name', pod?.name)
  set('k8s.pod.uid', pod?.uid ?? owner.podUid)
  const isOfPod = pod !== undefined || owner.podUid !== undefined
  set(isOfPod ? 'k8s.container.name' : 'container.name', containerName(container))
  set('container.id', owner.containerId)
  set('container.image.name', container?.image)
  set('container.runtime.name', container?.runtime ?? owner.runtime)
  return attributes
}

/** Name of a container as metrics show it: `POD` for the pause container, undefined while it is not known. */
export function containerName(container: Workload['container']): string | undefined {
  return container?.isSandbox ? SANDBOX : container?.name
}
