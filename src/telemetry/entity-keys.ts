/** Keys of attributes that say whose a series is, not what it measures; of OpenTelemetry's semantic conventions. */
export const ENTITY_KEYS: readonly string[] = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.container.name',
  'container.name',
  'container.id',
  'container.image.name',
  'container.runtime.name',
]
