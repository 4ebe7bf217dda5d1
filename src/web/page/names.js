/** What an entity is called. @typedef {import('./store.js').Entity} Entity */

export const KIND_NAMES = {
  node: 'node',
  group: 'group',
  container: 'container',
  pod: 'pod',
  cgroup: 'slice',
}

/** @param {Record<string, unknown>} attributes @param {string} key */
function text(attributes, key) {
  const value = attributes[key]
  return value === undefined ? undefined : String(value)
}

/** @param {string | undefined} id */
function shortId(id) {
  return id === undefined ? undefined : id.slice(0, 12)
}

/**
 * The name, and where it belongs.
 * @param {Pick<Entity, 'kind' | 'attributes' | 'others'>} entity
 * @returns {{ title: string, place: string, namespace: string }}
 */
export function namesOf({ kind, attributes, others }) {
  const namespace = text(attributes, 'k8s.namespace.name')
  const uid = text(attributes, 'k8s.pod.uid')
  const pod = text(attributes, 'k8s.pod.name') ?? (uid && `pod ${uid.slice(0, 8)}…`)
  const container =
    text(attributes, 'k8s.container.name') ??
    text(attributes, 'container.name') ??
    shortId(text(attributes, 'container.id'))
  const joined = (/** @type {(string | undefined)[]} */ ...parts) =>
    parts.filter((part) => part !== undefined && part !== '').join(' / ')
  const group = namespace ?? (pod !== undefined ? 'pods without a name' : 'host')
  if (others) return { title: `all other ${KIND_NAMES[kind]}s`, place: 'in sum', namespace: '' }
  if (kind === 'group') {
    return {
      title: text(attributes, 'procgroup.name') ?? '',
      place: joined(namespace, pod, container) || labels(attributes),
      namespace: group,
    }
  }
  if (kind === 'container') {
    return { title: container ?? '', place: joined(namespace, pod), namespace: group }
  }
  if (kind === 'pod') return { title: pod ?? '', place: joined(namespace), namespace: group }
  if (kind === 'cgroup') {
    return { title: text(attributes, 'cgroup.path') ?? '', place: '', namespace: 'host' }
  }
  return { title: 'node', place: '', namespace: '' }
}

/** Labels that a rule gave. @param {Record<string, unknown>} attributes */
function labels(attributes) {
  return Object.entries(attributes)
    .filter(([key]) => key !== 'procgroup.name')
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}
