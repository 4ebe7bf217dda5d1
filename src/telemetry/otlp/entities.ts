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

/** Where a series goes. */
interface Place {
  /** Undefined for the node and the agent. */
  readonly entity: EntityPart | undefined
  /** What is left of its attributes. */
  readonly own: Attributes
}

/** The points of one Resource, while they are gathered. */
interface Part {
  readonly scopeMetrics: ScopeMetrics[]
  /** The metric that was added last. */
  metric: MetricData['descriptor'] | undefined
  points: DataPoint<number>[]
}

interface EntityPart {
  readonly resource: Resource
  part: Part
  /** The division that the part is of. */
  pass: number
  /** It had no points in a division since; its series are placed again. */
  isForgotten: boolean
}

/** The series of a metric in their order of the last time, which is mostly theirs again. */
interface Order {
  readonly attributes: Attributes[]
  readonly places: Place[]
}

export class EntityResources {
  readonly #places = new WeakMap<Attributes, Place>()
  readonly #orders = new WeakMap<MetricData['descriptor'], Order>()
  /** By all that identifies them. */
  readonly #entities = new Map<string, EntityPart>()
  #pass = 0

  /** Divides the points among the Resources they belong to; those of nobody stay on the given one, which comes first. */
  divide({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics[] {
    this.#pass++
    const node = emptyPart()
    for (const { scope, metrics } of scopeMetrics) {
      for (const metric of metrics) this.#divide(resource, node, scope, metric)
    }
    const parts: ResourceMetrics[] = []
    if (node.scopeMetrics.length > 0) parts.push({ resource, scopeMetrics: node.scopeMetrics })
    for (const [key, entity] of this.#entities) {
      const { pass, resource, part } = entity
      if (pass === this.#pass) {
        parts.push({ resource, scopeMetrics: part.scopeMetrics })
      } else {
        this.#entities.delete(key)
        entity.isForgotten = true
      }
    }
    return parts
  }

  #divide(agent: Resource, node: Part, scope: ScopeMetrics['scope'], metric: MetricData): void {
    const { descriptor } = metric
    const points = metric.dataPoints as DataPoint<number>[]
    const order = this.#orders.get(descriptor) ?? { attributes: [], places: [] }
    this.#orders.set(descriptor, order)
    for (let index = 0; index < points.length; index++) {
      const point = points[index]
      const { attributes } = point
      const isKnown = order.attributes[index] === attributes
      if (!isKnown || order.places[index].entity?.isForgotten) {
        order.attributes[index] = attributes
        order.places[index] = this.#place(agent, attributes)
      }
      const { entity, own } = order.places[index]
      if (entity !== undefined && entity.pass !== this.#pass) {
        entity.part = emptyPart()
        entity.pass = this.#pass
      }
      const part = entity?.part ?? node
      if (part.metric !== descriptor) beginMetric(part, scope, metric)
      part.points.push(own === attributes ? point : { ...point, attributes: own })
    }
    order.attributes.length = points.length
    order.places.length = points.length
  }

  #place(agent: Resource, attributes: Attributes): Place {
    const known = this.#places.get(attributes)
    if (known !== undefined && !known.entity?.isForgotten) return known
    const identity = ENTITY_KEYS.filter((key) => attributes[key] !== undefined)
    const place =
      identity.length === 0
        ? { entity: undefined, own: attributes }
        : {
            entity: this.#entity(agent, attributes, identity),
            own: Object.fromEntries(
              Object.entries(attributes).filter(([key]) => !ENTITY_KEYS.includes(key)),
            ),
          }
    this.#places.set(attributes, place)
    return place
  }

  #entity(agent: Resource, attributes: Attributes, identity: readonly string[]): EntityPart {
    const key = JSON.stringify(identity.map((name) => [name, attributes[name]]))
    const known = this.#entities.get(key)
    if (known !== undefined) return known
    const resource = entityResource(agent, attributes)
    const entity = { resource, part: emptyPart(), pass: 0, isForgotten: false }
    this.#entities.set(key, entity)
    return entity
  }
}

function emptyPart(): Part {
  return { scopeMetrics: [], metric: undefined, points: [] }
}

/** A part is filled scope by scope and metric by metric. */
function beginMetric(part: Part, scope: ScopeMetrics['scope'], metric: MetricData): void {
  let last = part.scopeMetrics.at(-1)
  if (last?.scope !== scope) {
    last = { scope, metrics: [] }
    part.scopeMetrics.push(last)
  }
  part.metric = metric.descriptor
  part.points = []
  last.metrics.push({ ...metric, dataPoints: part.points } as MetricData)
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
