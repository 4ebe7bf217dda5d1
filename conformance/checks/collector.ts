import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import { pointsOf } from '../../test/support/receiver.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { buildCollector } from '../collector/build.ts'
import { Collector, writtenRequests } from '../collector/collector.ts'
import { checkConfigurations } from '../collector/configurations.ts'
import { checkFailures } from '../collector/failures.ts'
import { checkHostmetrics } from '../collector/hostmetrics.ts'
import { compareRoutes } from '../collector/routes.ts'
import { checkVolume } from '../collector/volume.ts'
import { otlpReceiver, pushing, WAYS, type Way } from '../collector/ways.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { allOf } from '../support/parallel.ts'
import { type MadePods, makePods } from '../support/pods.ts'

/** Longer than the comparison takes: every scrape and push has the same snapshot. */
const ONE_SNAPSHOT = '--collection.max-age=10m'
/** The Collector writes what it has after 100 ms. */
const ARRIVAL_SECONDS = 60
/** Labels that the Collector adds: who the producer is, and what of the Resource is not on our samples. */
const ADDED = /^(job|instance|otel_scope_.+|host_.+|os_type|service_.+|k8s_node_name)$/

export const check: Check = {
  title:
    'a real OpenTelemetry Collector takes everything, once, under its Resource, whatever befalls it',

  async run(context) {
    const { scope, print } = context
    const program = await buildCollector(scope, print)
    let points = 0
    for (const way of WAYS) points = await checkArrival(context, program, way)
    await checkConfigurations(context, program)
    await compareRoutes(context, program)
    await checkHostmetrics(context, program)
    await checkVolume(context, program)
    // Both at once: most of the time they wait for a Collector that is away.
    const transports = WAYS.filter(({ resources }) => resources === 'entity')
    await allOf(transports.map((way) => checkFailures(context, program, way)))
    return `${points} points equal on both outputs by each way, and delivery outlives the Collector`
  },
}

/** Agent → Collector → file and Prometheus exporter, both against the agent's own /metrics. */
async function checkArrival(
  { scope, print }: CheckContext,
  program: string,
  way: Way,
): Promise<number> {
  const [port, prometheus] = [await freePort(), await freePort()]
  const file = join(scope.directory(), 'metrics.json')
  const collector = new Collector(scope, program, {
    receivers: { otlp: otlpReceiver(way, port) },
    exporters: {
      file: { path: file, flush_interval: '100ms' },
      prometheus: {
        endpoint: `127.0.0.1:${prometheus}`,
        resource_to_telemetry_conversion: { enabled: true },
      },
    },
    service: { pipelines: { metrics: { receivers: ['otlp'], exporters: ['file', 'prometheus'] } } },
  })
  await collector.start(port)
  const pods = makePods(scope)
  const agent = await startAgent(scope, [
    ONE_SNAPSHOT,
    '--prometheus.naming=otel',
    '--prometheus.scope-labels',
    ...pushing(way, port),
    '--otlp.interval=1h',
  ])
  const ours = parseSamples(await get(`${agent.url}/metrics`)).filter(
    ({ name }) => name !== 'target_info',
  )
  const deadline = performance.now() + ARRIVAL_SECONDS * 1000
  while (pointsOf(writtenRequests(file)).length < ours.length) {
    // The next look says how many have come.
    if (performance.now() > deadline) break
    await delay(50)
  }
  const requests = writtenRequests(file)
  const points = pointsOf(requests)
  require(points.length === ours.length, `${points.length} points arrived of ${ours.length}`)
  const resources = requests.flatMap(({ resourceMetrics }) =>
    resourceMetrics.map(({ resource }) => textOf(resource.attributes)),
  )
  require(new Set(resources).size ===
    resources.length, 'a Resource comes twice in what fits into one request')
  if (way.resources === 'single') {
    require(resources.length === 1, `there are ${resources.length} Resources, not one`)
  } else requireResources(resources, pods)
  print(
    `${way.protocol}, ${way.resources}: ${points.length} points arrived once each, under ${resources.length} Resources`,
  )

  const theirs = parseSamples(await get(`http://127.0.0.1:${prometheus}/metrics`)).filter(
    ({ name }) => name !== 'target_info',
  )
  const missing = compare(ours, theirs)
  require(missing.length ===
    0, `not in the Collector's /metrics: ${missing.slice(0, 5).join('  ')}`)
  require(theirs.length ===
    ours.length, `the Collector has ${theirs.length} samples, we ${ours.length}`)
  print(`its Prometheus exporter writes the same ${theirs.length} samples as our /metrics`)
  return points.length
}

/** Each container has a Resource of its own, which is not the agent's. */
function requireResources(resources: readonly string[], { containers }: MadePods): void {
  for (const { id } of containers) {
    const mine = resources.filter((resource) => resource.includes(id))
    require(mine.length === 1, `container ${id} has ${mine.length} Resources`)
    require(!mine[0].includes('"service.name"'), `container ${id} has the agent's service.name`)
  }
}

/** Samples of ours that the others do not have, with the same name, labels and value. */
function compare(ours: readonly Sample[], theirs: readonly Sample[]): string[] {
  const keyOf = ({ name, labels, value }: Sample) =>
    JSON.stringify([
      name,
      Object.entries(labels)
        .filter(([label]) => !ADDED.test(label))
        .sort(([one], [other]) => (one < other ? -1 : 1)),
      value,
    ])
  const known = new Set(theirs.map(keyOf))
  return ours.map(keyOf).filter((key) => !known.has(key))
}

function textOf(attributes: object): string {
  return JSON.stringify(attributes)
}
