/**
 * One Resource for each container or pod, and one for the node with the agent: processors of a Collector, such as
 * k8s_attributes, look at Resources only, and back ends tell whose a series is by them.
 */
import type { Attributes } from '@opentelemetry/api'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type {
  DataPoint,
  MetricData,
  ResourceMetrics,
  ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import { ENTITY_KEYS } from '../entity-keys.ts'

/** What of the agent's own Resource holds for everything on its node. */
const OF_NODE = /^(?:host|os|cloud|k8s\.cluster|k8s\.node|deployment\.environment)\b/
const NODE_NAME = 'k8s.node.name'
const INSTANCE = 'service.instance.id'

/** Whose a series is, and what tells it from others of the same. */
interface Share {
  readonly key: string
  readonly own: Attributes
}

interface EntityPart {
  readonly metrics: ResourceMetrics
  pass: number
}

export class EntityResources {
  readonly #shares = new WeakMap<Attributes, Share>()
  readonly #entities = new Map<string, EntityPart>()
  #pass = 0

  /** Divides the points among the Resources they belong to; those of nobody stay on the given one, which comes first. */
  divide(metrics: ResourceMetrics): ResourceMetrics[] {
    this.#pass++
    const node: ResourceMetrics = { resource: metrics.resource, scopeMetrics: [] }
    for (const { scope, metrics: all } of metrics.scopeMetrics) {
      for (const metric of all) this.#divide(metrics.resource, node, scope, metric)
    }
    for (const [key, { pass }] of this.#entities) {
      if (pass !== this.#pass) this.#entities.delete(key)
    }
    const parts = [...this.#entities.values()].map((part) => part.metrics)
    return node.scopeMetrics.length > 0 ? [node, ...parts] : parts
  }

  #divide(
    agent: Resource,
    node: ResourceMetrics,
    scope: ScopeMetrics['scope'],
    metric: MetricData,
  ): void {
    for (const point of metric.dataPoints as DataPoint<number>[]) {
      const { key, own } = this.#share(point.attributes)
      const part = key === '' ? node : this.#entity(key, agent, point.attributes)
      const points = pointsOf(part, scope, metric)
      points.push(own === point.attributes ? point : { ...point, attributes: own })
    }
  }

  #share(attributes: Attributes): Share {
    const known = this.#shares.get(attributes)
    if (known !== undefined) return known
    const identity = ENTITY_KEYS.filter((key) => attributes[key] !== undefined)
    const share =
      identity.length === 0
        ? { key: '', own: attributes }
        : {
            key: JSON.stringify(identity.map((key) => [key, attributes[key]])),
            own: Object.fromEntries(
              Object.entries(attributes).filter(([key]) => !ENTITY_KEYS.includes(key)),
            ),
          }
    this.#shares.set(attributes, share)
    return share
  }

  #entity(key: string, agent: Resource, attributes: Attributes): ResourceMetrics {
    const known = this.#entities.get(key)
    if (known?.pass === this.#pass) return known.metrics
    const resource = known?.metrics.resource ?? entityResource(agent, attributes)
    const part = { metrics: { resource, scopeMetrics: [] }, pass: this.#pass }
    this.#entities.set(key, part)
    return part.metrics
  }
}

/** The points of a metric in a part, which is filled scope by scope and metric by metric. */
function pointsOf(
  part: ResourceMetrics,
  scope: ScopeMetrics['scope'],
  metric: MetricData,
): DataPoint<number>[] {
  let last = part.scopeMetrics.at(-1)
  if (last?.scope !== scope) {
    last = { scope, metrics: [] }
    part.scopeMetrics.push(last)
  }
  let data = last.metrics.at(-1)
  if (data?.descriptor !== metric.descriptor) {
    data = { ...metric, dataPoints: [] } as MetricData
    last.metrics.push(data)
  }
  return data.dataPoints as DataPoint<number>[]
}

/** What is said of the node, and who it is; never who the agent is. */
function entityResource(agent: Resource, attributes: Attributes): Resource {
  const node = Object.fromEntries(
    Object.entries(agent.attributes).filter(([key]) => OF_NODE.test(key)),
  )
  const { 'container.image.name': image, ...rest } = attributes
  const identity = Object.fromEntries(
    ENTITY_KEYS.flatMap((key) => (rest[key] === undefined ? [] : [[key, rest[key]]])),
  )
  const isOfPod = attributes['k8s.pod.uid'] !== undefined
  return resourceFromAttributes({
    ...node,
    ...(isOfPod && { [NODE_NAME]: node[NODE_NAME] ?? node['host.name'] }),
    ...identity,
    ...imageAttributes(image),
    [INSTANCE]: instanceOf(attributes),
  })
}

/**
 * The parts of an image's reference, `NAME[:TAG][@DIGEST]`, which the conventions have as attributes of their own. An id
 * without a name is an id.
 */
function imageAttributes(reference: Attributes[string]): Attributes {
  if (typeof reference !== 'string') return {}
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(reference)) {
    return { 'container.image.id': reference }
  }
  const [whole = '', digest] = reference.split('@')
  const [, name = whole, tag] = /^(.*):([^/:]+)$/.exec(whole) ?? []
  return {
    'container.image.name': name,
    ...(tag !== undefined && { 'container.image.tags': [tag] }),
    ...(digest !== undefined && { 'container.image.repo_digests': [`${name}@${digest}`] }),
  }
}

/** Different for each Resource, so that back ends that look at nothing else keep them apart. */
function instanceOf(attributes: Attributes): string {
  const keys = ['container.id', 'k8s.pod.uid', 'k8s.pod.name']
  const key = keys.find((candidate) => attributes[candidate] !== undefined)
  return String(
    attributes[key ?? (ENTITY_KEYS.find((one) => attributes[one] !== undefined) as string)],
  )
}
