/**
 * The whole agent on the trees of three kernels: its complete /metrics and OTLP output, as files that are
 * reviewed in a diff. A change of one definition shows as the lines that it changes.
 *
 * The trees have the formats that these kernels print; their values are made up. After a deliberate change:
 * `npm run golden`.
 */
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { startAgent } from '../../src/agent/agent.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { loadConfig } from '../../src/config/load.ts'
import {
  type ReceivedMetric,
  type ReceivedPoint,
  type ReceivedRequest,
  startReceiver,
} from '../support/receiver.ts'
import { parseTxtar, writeTree } from '../support/txtar.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const LATER = 'later/'
/** When the cgroups are said to have been looked up first, which is since when they count. */
const LOOKED_UP = new Date('2026-01-01T00:00:00Z')
/** What the agent says of itself differs from run to run. */
const OF_THE_AGENT = /^(?:# (?:HELP|TYPE) )?(?:otel_|nodejs_|process_|target_info)/
/** What is counted up to now differs from run to run, too. */
const AGE = /^(procgroup_uptime_seconds\{.*\}) .*$/
const AGE_METRICS: ReadonlySet<string> = new Set(['procgroup.uptime'])
const NANOSECONDS = 1e9

for (const archive of globSync('*.txtar', { cwd: HERE }).sort()) {
  const name = basename(archive, '.txtar')
  test(`${name}: everything that the agent says`, async (t) => {
    const { text, requests, startedAt } = await runAgent(t, archive)
    compare(t, `${name}.prom`, classicText(text))
    compare(t, `${name}.otlp.txt`, otlpText(requests, startedAt))
  })
}

/** One collection of the tree, then one of the tree as it is later. */
async function runAgent(t: ExecutionContext, archive: string) {
  const root = mkdtempSync(join(tmpdir(), 'golden-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const files = parseTxtar(readFileSync(join(HERE, archive), 'utf8'))
  const later = files
    .filter(({ path }) => path.startsWith(LATER))
    .map((file) => ({ ...file, path: file.path.slice(LATER.length) }))
  const startedAt = Date.now()
  writeTree(
    root,
    files.filter(({ path }) => !path.startsWith(LATER)),
  )
  for (const directory of globSync('cgroup/**/', { cwd: root })) {
    utimesSync(join(root, directory), LOOKED_UP, LOOKED_UP)
  }
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { flags } = parseCommandLine([
    '--web.listen-address=127.0.0.1:0',
    `--procfs.root=${root}/proc`,
    `--cgroups.root=${root}/cgroup`,
    '--node.name=golden',
    '--collection.max-age=0',
    '--process-groups.refresh=0s',
    '--process-groups.threads=true',
    '--workloads.sources=none',
    '--otlp.interval=1h',
    `--otlp.endpoint=${receiver.endpoint}`,
  ])
  const { config } = loadConfig({ file: undefined, flags, environment: {} })
  const agent = await startAgent(config, '0.0.0', pino({ level: 'silent' }))
  t.teardown(() => agent.stop(0))
  writeTree(root, later)
  const text = await agent.scrape()
  // The last push has a collection of its own.
  await agent.stop(60_000)
  return { text, requests: receiver.requests, startedAt }
}

/** Holds a text against its file, or writes it when UPDATE_GOLDEN is set. */
function compare(t: ExecutionContext, file: string, actual: string): void {
  const path = join(HERE, 'expected', file)
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(join(HERE, 'expected'), { recursive: true })
    writeFileSync(path, actual)
  }
  const expected = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const difference = differenceOf(expected, actual)
  t.is(difference, '', `${file} differs; \`npm run golden\` writes it anew, git diff shows how`)
}

/** The first lines that only one of two texts has. */
function differenceOf(expected: string, actual: string): string {
  const before = expected.split('\n')
  const after = actual.split('\n')
  const [beforeSet, afterSet] = [new Set(before), new Set(after)]
  const lines = [
    ...before.filter((line) => !afterSet.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !beforeSet.has(line)).map((line) => `+ ${line}`),
  ]
  if (lines.length === 0 && expected !== actual) return 'the same lines in another order'
  return lines.slice(0, 20).join('\n')
}

function classicText(text: string): string {
  return text
    .split('\n')
    .filter((line) => !OF_THE_AGENT.test(line))
    .map((line) => line.replace(AGE, '$1 AGE'))
    .join('\n')
}

/** Requests as text: a Resource, its metrics, and a line for each point, in the order in which they were sent. */
function otlpText(requests: readonly ReceivedRequest[], startedAt: number): string {
  const lines: string[] = []
  for (const { resourceMetrics } of requests.slice(-1)) {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      lines.push('', `Resource ${attributesText(resource.attributes)}`)
      for (const { scope, metrics } of scopeMetrics) {
        if (scope.name === 'agent') continue
        lines.push(`  Scope ${scope.name}`)
        for (const metric of metrics) lines.push(...metricLines(metric, startedAt))
      }
    }
  }
  return `${lines.join('\n').trim()}\n`
}

function metricLines(metric: ReceivedMetric, startedAt: number): string[] {
  const { sum, gauge, name, unit } = metric
  const temporality = sum?.aggregationTemporality.replace('AGGREGATION_TEMPORALITY_', '')
  const kind = sum
    ? `Sum ${temporality?.toLowerCase()}${sum.isMonotonic ? ' monotonic' : ''}`
    : 'Gauge'
  const points = (sum ?? gauge)?.dataPoints ?? []
  return [
    `    ${name} [${unit ?? ''}] ${kind}: ${metric.description}`,
    ...points.map((point) => `      ${pointText(name, point, startedAt)}`),
  ]
}

function pointText(name: string, point: ReceivedPoint, startedAt: number): string {
  const value = AGE_METRICS.has(name) ? 'AGE' : (point.asInt ?? `${point.asDouble}`)
  return `${attributesText(point.attributes)} ${value}${startText(point, startedAt)}`
}

/** A start that lies in the tree's own time; one of this run is left out, for it differs from run to run. */
function startText({ startTimeUnixNano }: ReceivedPoint, startedAt: number): string {
  const milliseconds = (Number(startTimeUnixNano) / NANOSECONDS) * 1000
  if (milliseconds === 0) return ''
  if (milliseconds >= startedAt - 1000) return ' since the run'
  return ` since ${new Date(milliseconds).toISOString()}`
}

/** Attributes of a machine, and of this run, that the trees do not say are left out. */
function attributesText(attributes: ReceivedPoint['attributes']): string {
  const pairs = attributes
    .filter(({ key }) => key !== 'host.arch')
    .map(({ key, value }) => `${key}=${JSON.stringify(Object.values(value)[0])}`)
  return `{${pairs.join(' ')}}`
}
