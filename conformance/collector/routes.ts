/** The two ways into a Collector, pushing and scraping, with one snapshot: the same values, and what differs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WORKLOAD_KEYS } from '../../src/entities/workload-attributes.ts'
import { prometheusName } from '../../src/telemetry/prometheus/names.ts'
import { parseSamples } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type ReceivedMetric,
  type ReceivedPoint,
  type ReceivedRequest,
} from '../../test/support/receiver.ts'
import { type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { makePods } from '../support/pods.ts'
import { Collector, writtenRequests } from './collector.ts'

const PAGE = fileURLToPath(new URL('../../docs/routes.md', import.meta.url))

export async function compareRoutes(
  { scope, print }: CheckContext,
  program: string,
): Promise<void> {
  const [pushFile, scrapeFile] = ['push', 'scrape'].map((name) => join(scope.directory(), name))
  const { containers } = makePods(scope)
  const grpc = await freePort()
  const { url } = await startAgent(scope, [
    '--collection.max-age=10m',
    '--prometheus.naming=otel',
    '--prometheus.target-info=false',
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=http://127.0.0.1:${grpc}`,
    // One push, of the snapshot that is scraped; it is tried again until the Collector is there.
    '--otlp.interval=1h',
    '--otlp.export-timeout=10m',
    '--workloads.sources=none',
  ])
  const collector = new Collector(scope, program, {
    receivers: {
      otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` } } },
      prometheus: {
        config: {
          scrape_configs: [
            {
              job_name: 'otel-interrogator',
              scrape_interval: '1s',
              static_configs: [{ targets: [new URL(url).host] }],
            },
          ],
        },
      },
    },
    exporters: {
      'file/push': { path: pushFile, flush_interval: '100ms' },
      'file/scrape': { path: scrapeFile, flush_interval: '100ms' },
    },
    service: {
      pipelines: {
        'metrics/push': { receivers: ['otlp'], exporters: ['file/push'] },
        'metrics/scrape': { receivers: ['prometheus'], exporters: ['file/scrape'] },
      },
    },
  })
  await collector.start(grpc)
  const { length } = parseSamples(await get(`${url}/metrics`))
  const pushed = await untilWhole(pushFile, length)
  const scraped = await untilWhole(scrapeFile, length)
  await collector.stop()
  compareValues(pushed, scraped)
  print(`pushed and scraped: the same ${length} values`)
  const page = differences(pushed, scraped, containers[0].id)
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, page)
  const isStale = readFileSync(PAGE, 'utf8') !== page
  require(!isStale, 'docs/routes.md is stale: run UPDATE_DOCS=1 npm run conformance -- collector')
}

/** The first requests that together have all points of a snapshot. */
async function untilWhole(file: string, points: number): Promise<ReceivedRequest[]> {
  for (;;) {
    for (const request of writtenRequests(file)) {
      if (pointsOf([request]).length >= points) return [request]
    }
    await delay(100)
  }
}

function compareValues(
  pushed: readonly ReceivedRequest[],
  scraped: readonly ReceivedRequest[],
): void {
  const label = (key: string) => key.replace(/[^a-zA-Z0-9_]/g, '_')
  const keyOf = (name: string, attributes: Record<string, string>) =>
    JSON.stringify([
      name,
      Object.entries(attributes)
        .map(([key, value]) => [label(key), value])
        .sort(),
    ])
  const values = new Map(
    pointsOf(scraped).map(({ metric, point }) => [
      keyOf(metric.name, attributesOf(point)),
      pointValue(point),
    ]),
  )
  for (const { metric, point } of pointsOf(pushed)) {
    const key = keyOf(
      prometheusName(metric.name, metric.unit ?? '', kindOf(metric)),
      attributesOf(point),
    )
    const value = values.get(key)
    require(value ===
      pointValue(point), `${key} is pushed as ${pointValue(point)}, scraped as ${value}`)
  }
}

function kindOf({ sum }: ReceivedMetric) {
  if (sum === undefined) return 'gauge'
  return sum.isMonotonic ? 'counter' : 'updowncounter'
}

/** The page of what differs, from what arrived. */
function differences(
  pushed: ReceivedRequest[],
  scraped: ReceivedRequest[],
  container: string,
): string {
  const sides = [pushed, scraped]
  const metric = (requests: ReceivedRequest[], ...names: string[]) =>
    metricsOf(requests).find(({ name }) => names.includes(name)) as ReceivedMetric
  const cpu = sides.map((side) =>
    metric(side, 'container.cpu.time', 'container_cpu_time_seconds_total'),
  )
  const threads = sides.map((side) =>
    metric(side, 'procgroup.thread.count', 'procgroup_thread_count'),
  )
  const keys = (side: ReceivedRequest[]) => [
    ...new Set(
      pointsOf(side)
        .filter(({ metric: { name } }) => cpu.some((one) => one.name === name))
        .flatMap(({ point }) => ownKeys(point, container)),
    ),
  ]
  const rows: [string, string[]][] = [
    ['Name', cpu.map(({ name }) => name)],
    ['Unit', cpu.map(({ unit = '' }) => (unit === '' ? 'none' : unit))],
    ['Attributes of its points', sides.map((side) => keys(side).sort().join(', '))],
    [
      'UpDownCounter',
      threads.map(
        (one) =>
          ({ counter: 'monotonic sum', updowncounter: 'non-monotonic sum', gauge: 'gauge' })[
            kindOf(one)
          ],
      ),
    ],
    [
      'Whole numbers',
      threads.map((one) =>
        (one.sum ?? one.gauge)?.dataPoints[0].asInt === undefined ? 'double' : 'integer',
      ),
    ],
    [
      'Resources',
      sides.map((side) =>
        resourcesOf(side).length > 1
          ? 'one for each container and pod, one for the node with the agent'
          : 'one for all',
      ),
    ],
    ["A container's Resource", sides.map((side) => resourceOf(side, container).sort().join(', '))],
    ['Instrumentation scopes', sides.map((side) => [...new Set(scopesOf(side))].sort().join(', '))],
    ['Metrics beside', [extra(pushed, scraped), extra(scraped, pushed)]],
  ]
  return [
    '# Pushing and scraping: what differs in a Collector',
    '',
    'The values are the same on both ways. `npm run conformance -- collector` compares them with one snapshot, and checks that this',
    'page says what arrived: `container.cpu.time` and `procgroup.thread.count` pushed, and scraped with `prometheus.naming=otel`.',
    '',
    '| | pushed (OTLP) | scraped (Prometheus receiver) |',
    '|---|---|---|',
    ...rows.map(([what, [one, other]]) => `| ${what} | ${one} | ${other} |`),
    '',
    'Pushing is the better way: identity stands where processors look for it, units and types arrive, and nothing has to be',
    'taken apart again. Do not do both: nothing can tell that two series are one.',
    '',
    '## The two transports of OTLP',
    '',
    'What arrives is the same by both; the check above pushes by each, with a Resource for each container and with one for all.',
    '',
    '| | gRPC | HTTP |',
    '|---|---|---|',
    '| `otlp.protocol`, `OTEL_EXPORTER_OTLP_PROTOCOL` | `grpc`, the default | `http/protobuf` |',
    '| Default of `otlp.endpoint` | `http://localhost:4317` | `http://localhost:4318` |',
    '| Path of `otlp.endpoint` | has no effect | `/v1/metrics` is appended |',
    '| `otlp.metrics_endpoint` | counts before `otlp.endpoint` | the same; the whole URL, as it is |',
    '| Sent again | `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `CANCELLED`, `ABORTED`, `OUT_OF_RANGE`, `DATA_LOSS`; `RESOURCE_EXHAUSTED` with a delay | 429, 502, 503, 504, and when there is no answer |',
    '| Delay that the receiver asks for | `RetryInfo` | `Retry-After` |',
    '| Too large, so sent in smaller parts | a message that says so | 413, or 400 with `request body too large` |',
    '| Redirects | | refused |',
    '',
    'Beside the Collector gRPC is the better one: one connection, and a receiver that closes it says so. HTTP is for back ends that',
    'take nothing else, and for proxies. `http/json` is not implemented; `http/protobuf` is used instead, with a warning.',
    '',
  ].join('\n')
}

/** Keys of a point's own attributes; none for those of other containers. */
function ownKeys(point: ReceivedPoint, container: string): string[] {
  const attributes = attributesOf(point)
  const isMine = Object.values(attributes).includes(container)
  // Those that `pointsOf` has taken from the Resource have its spelling.
  return isMine ? Object.keys(attributes).filter((key) => !(key in WORKLOAD_KEYS)) : []
}

/** Keys of the Resource under which a container's points are. */
function resourceOf(requests: ReceivedRequest[], container: string): string[] {
  const resources = requests.flatMap(({ resourceMetrics }) => resourceMetrics)
  const mine =
    resources.find(({ resource }) => JSON.stringify(resource).includes(container)) ?? resources[0]
  return mine.resource.attributes.map(({ key }) => key)
}

function metricsOf(requests: ReceivedRequest[]): ReceivedMetric[] {
  return requests.flatMap(({ resourceMetrics }) =>
    resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics)),
  )
}

/** Keys of each one's attributes. */
function resourcesOf(requests: ReceivedRequest[]): string[][] {
  return requests.flatMap(({ resourceMetrics }) =>
    resourceMetrics.map(({ resource }) => resource.attributes.map(({ key }) => key)),
  )
}

function scopesOf(requests: ReceivedRequest[]): string[] {
  return requests.flatMap(({ resourceMetrics }) =>
    resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.map(({ scope }) => scope.name)),
  )
}

/** Names that one side has beyond the other. */
function extra(side: ReceivedRequest[], other: ReceivedRequest[]): string {
  const translate = (metric: ReceivedMetric) =>
    prometheusName(metric.name, metric.unit ?? '', kindOf(metric))
  const names = (requests: ReceivedRequest[]) => new Set(metricsOf(requests).map(translate))
  const known = names(other)
  const more = [...names(side)].filter(
    (name) => !known.has(name) && !known.has(name.replace(/_ratio$|_total$/, '')),
  )
  return more.length === 0 ? 'none' : more.sort().join(', ')
}
