/**
 * One Resource for each container or pod, and one for the node with the agent: processors of a Collector, such as
 * k8s_attributes, look at Resources only, and back ends tell by them what a series belongs to.
 *
 * A point's entity knows the attributes that identify its container or pod (`Entity.workload`): the division looks them up.
 */
import type { Attributes } from '@opentelemetry/api'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type {
  DataPoint,
  MetricData,
  ResourceMetrics,
  ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import type { Series } from '../entity.ts'
import { pointsOf } from '../points.ts'

/** Attributes of the agent's own Resource that hold for everything on its node. */
const OF_NODE = /^(?:host|os|cloud|k8s\.cluster|k8s\.node|deployment\.environment)\b/
const NODE_NAME = 'k8s.node.name'
const INSTANCE = 'service.instance.id'

/** The points of one Resource, while they are gathered. */
interface Part {
  readonly scopeMetrics: ScopeMetrics[]
  /** The metric that was added last. */
  metric: MetricData['descriptor'] | undefined
  points: DataPoint<number>[]
}

/** The Resource of a container or pod. */
interface WorkloadPart {
  readonly resource: Resource
  part: Part
  /** The division that the part is of. */
  division: number
  /** It had no points in a division since. */
  isForgotten: boolean
}

/** Divides metric data by container and pod; a Resource is kept as long as it has points. */
export class EntityResources {
  /** By the entity's own object, which is replaced when its names change. */
  readonly #byWorkload = new WeakMap<Attributes, WorkloadPart>()
  /** By value: the entities of several collectors may be of one container. */
  readonly #parts = new Map<string, WorkloadPart>()
  /** How many divisions there were. */
  #division = 0

  /**
   * Divides points by the container or pod that they belong to. All others stay on the given Resource, which comes
   * first.
   */
  divide({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics[] {
    this.#division++
    const node = emptyPart()
    for (const { scope, metrics } of scopeMetrics) {
      for (const metric of metrics) this.#divide(resource, node, scope, metric)
    }
    const parts: ResourceMetrics[] = []
    if (node.scopeMetrics.length > 0) parts.push({ resource, scopeMetrics: node.scopeMetrics })
    for (const [key, known] of this.#parts) {
      const { division, resource, part } = known
      if (division === this.#division) {
        parts.push({ resource, scopeMetrics: part.scopeMetrics })
      } else {
        this.#parts.delete(key)
        known.isForgotten = true
      }
    }
    return parts
  }

  #divide(agent: Resource, node: Part, scope: ScopeMetrics['scope'], metric: MetricData): void {
    const { descriptor } = metric
    for (const points of pointsOf(metric)) {
      for (let index = 0; index < points.values.length; index++) {
        const series = points.seriesAt(index)
        const workload = workloadOf(points.attributes[index], series)
        const part = workload === undefined ? node : this.#part(agent, workload)
        if (part.metric !== descriptor) beginMetric(part, scope, metric)
        part.points.push(points.at(index, workload && series?.unidentified))
      }
    }
  }

  #part(agent: Resource, workload: Attributes): Part {
    let known = this.#byWorkload.get(workload)
    if (known === undefined || known.isForgotten) {
      const key = JSON.stringify(
        Object.entries(workload).sort(([one], [other]) => (one < other ? -1 : 1)),
      )
      known = this.#parts.get(key) ?? createPart(agent, workload)
      this.#parts.set(key, known)
      this.#byWorkload.set(workload, known)
    }
    if (known.division !== this.#division) {
      known.part = emptyPart()
      known.division = this.#division
    }
    return known.part
  }
}

/**
 * What identifies the container or pod of a point; undefined for those of the node and the agent, and for a point whose
 * identity has names of another vocabulary: it stays on the point.
 */
function workloadOf(attributes: Attributes, series: Series | undefined): Attributes | undefined {
  return series !== undefined && series.attributes === attributes
    ? series.entity.workload
    : undefined
}

function createPart(agent: Resource, workload: Attributes): WorkloadPart {
  const resource = workloadResource(agent, workload)
  return { resource, part: emptyPart(), division: 0, isForgotten: false }
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

/** What holds for the node, and what identifies the container or pod; nothing of the agent itself. */
function workloadResource(agent: Resource, workload: Attributes): Resource {
  const node = Object.fromEntries(
    Object.entries(agent.attributes).filter(([key]) => OF_NODE.test(key)),
  )
  const { 'container.image.name': image, ...identity } = workload
  const isOfPod = workload['k8s.pod.uid'] !== undefined
  return resourceFromAttributes({
    ...node,
    ...(isOfPod && { [NODE_NAME]: node[NODE_NAME] ?? node['host.name'] }),
    ...identity,
    ...imageAttributes(image),
    [INSTANCE]: instanceOf(workload),
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
function instanceOf(workload: Attributes): string {
  const keys = ['container.id', 'k8s.pod.uid', 'k8s.pod.name', ...Object.keys(workload)]
  const key = keys.find((candidate) => workload[candidate] !== undefined) as string
  return String(workload[key])
}
