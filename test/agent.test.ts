/**
 * The whole agent, in this process, on the real procfs of this machine: one after the other, for each collection reads every
 * process of the machine on the one event loop.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { startAgent } from '../src/agent/agent.ts'
import { COLLECTORS } from '../src/collectors/registry.ts'
import { parseCommandLine } from '../src/config/command-line.ts'
import { loadConfig } from '../src/config/load.ts'
import { prometheusName } from '../src/telemetry/prometheus/names.ts'
import { parseSamples } from './support/exposition.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type ReceivedMetric,
  type ReceivedPoint,
  type ReceivedRequest,
  startReceiver,
} from './support/receiver.ts'

async function start(t: ExecutionContext, ...flags: string[]) {
  // Many agents share what this one process may open.
  const all = ['--web.listen-address=127.0.0.1:0', '--process-groups.open-files=100', ...flags]
  const { flags: parsed } = parseCommandLine(all)
  const { config } = loadConfig({ file: undefined, flags: parsed, environment: {} })
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const agent = await startAgent(config, '1.2.3', logger)
  t.teardown(() => agent.stop(2000).catch(() => {}))
  return { agent, lines, get: (path: string) => fetch(agent.url + path) }
}

test.serial('every program that runs has its group, this one too', async (t) => {
  const { get } = await start(t, '--exporters=prometheus')
  const response = await get('/metrics')
  t.is(response.status, 200)
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const samples = parseSamples(await response.text())
  const node = samples.find(
    ({ name, labels }) =>
      name === 'namedprocess_namegroup_num_procs' && labels.groupname === 'node',
  )
  t.true((node?.value ?? 0) >= 1)
  t.true(samples.some(({ name }) => name === 'target_info'))
  t.is(samples.find(({ name }) => name === 'otel_interrogator_collector_success')?.value, 1)
})

test.serial(
  'with a recorder there are peaks, in both vocabularies, and a collection without a scrape',
  async (t) => {
    const { get, agent } = await start(
      t,
      '--exporters=prometheus',
      '--recorder.enabled',
      '--collection.interval=1s',
      '--prometheus.naming=classic,otel',
    )
    const peaks = async () => parseSamples(await (await get('/metrics')).text())
    const find = (samples: Awaited<ReturnType<typeof peaks>>, wanted: string, label: string) =>
      samples.find(
        ({ name, labels }) =>
          name === wanted && labels[label] === 'node' && labels.window === '60s',
      )?.value
    t.not(agent, undefined)
    // A busy moment of this very process.
    const until = performance.now() + 300
    while (performance.now() < until);
    let samples = await peaks()
    while (find(samples, 'namedprocess_namegroup_cpu_usage_peak', 'groupname') === undefined) {
      await delay(100)
      samples = await peaks()
    }
    const memory = find(samples, 'namedprocess_namegroup_memory_usage_peak_bytes', 'groupname')
    t.true((memory ?? 0) > 1e7)
    t.is(find(samples, 'procgroup_memory_usage_peak_bytes', 'procgroup_name'), memory)
    t.true((find(samples, 'procgroup_cpu_usage_peak', 'procgroup_name') ?? 0) > 0)
  },
)

test.serial('each point that is pushed equals its line on /metrics', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { get } = await start(
    t,
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=1h',
    '--collection.max-age=1h',
  )
  await receiver.received(1)
  const text = await (await get('/metrics')).text()
  const lines = new Map(
    parseSamples(text).map(({ name, labels, value }) => [lineKey(name, labels), value]),
  )
  const points = pointsOf([receiver.requests[0]])
  t.true(points.length > 100)
  // One classic line may be the total of several points, such as the agent's CPU time in both modes.
  const pushed = new Map<string, number>()
  for (const { metric, point } of points) {
    const { key, scale } = classicLine(metric, point)
    pushed.set(key, (pushed.get(key) ?? 0) + pointValue(point) * scale)
  }
  for (const [key, value] of pushed) {
    t.true(Math.abs((lines.get(key) ?? Number.NaN) - value) <= Math.abs(value) * 1e-12, key)
  }
  // Every line is of a point; target_info stands for the Resource.
  t.is(lines.size, pushed.size + 1)
})

/** The line of a point, by the definition table. */
function classicLine(metric: ReceivedMetric, point: ReceivedPoint): { key: string; scale: number } {
  const attributes = attributesOf(point)
  for (const { keys, metrics } of COLLECTORS.flatMap(({ tables }) => tables())) {
    for (const { otel, classic, kind } of Object.values(metrics)) {
      const fixed = Object.entries(otel.attributes ?? {})
      if (otel.name !== metric.name || fixed.some(([key, value]) => attributes[key] !== value))
        continue
      if (classic === undefined)
        return { key: lineKey(prometheusName(otel.name, otel.unit, kind), attributes), scale: 1 }
      const labels: Record<string, unknown> = { ...classic.attributes }
      for (const [key, value] of Object.entries(attributes)) {
        const label = keys[key]?.classic ?? key
        if (label !== false && !fixed.some(([name]) => name === key)) labels[label] = value
      }
      return { key: lineKey(classic.name, labels), scale: classic.scale ?? 1 }
    }
  }
  return { key: `${metric.name} is in no table`, scale: 1 }
}

function lineKey(name: string, labels: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key.replaceAll('.', '_')}=${value}`)
  return `${name}{${pairs.sort()}}`
}

test.serial('OTLP invariants hold over 30 collections of processes that come and go', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  await start(
    t,
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=100ms',
    '--collection.max-age=0',
    '--process-groups.remove-empty=true',
  )
  const churn = spawn('/bin/sh', ['-c', 'while :; do sleep 0.05; sleep 0.02 & done'], {
    stdio: 'ignore',
  })
  t.teardown(() => churn.kill('SIGKILL'))
  await receiver.received(30)
  const seen = new Map<string, { start: bigint; time: bigint; value: number }>()
  for (const request of receiver.requests.slice(0, 30)) checkRequest(t, request, seen)
})

/** What a receiver may rely on, in one request and from one to the next. */
function checkRequest(
  t: ExecutionContext,
  request: ReceivedRequest,
  seen: Map<string, { start: bigint; time: bigint; value: number }>,
): void {
  const resources = request.resourceMetrics.map(({ resource }) => JSON.stringify(resource))
  t.is(new Set(resources).size, resources.length)
  for (const { scopeMetrics } of request.resourceMetrics) {
    t.is(new Set(scopeMetrics.map(({ scope }) => scope.name)).size, scopeMetrics.length)
    const names = new Set<string>()
    for (const { metrics } of scopeMetrics) {
      for (const { name, unit = '', sum } of metrics) {
        t.false(names.has(name.toLowerCase()), `${name} is there twice`)
        names.add(name.toLowerCase())
        t.regex(name, /^[a-z][a-z0-9_.]{0,254}$/)
        t.regex(unit, /^$|^1$|^[A-Za-z]+$|^\{[a-z_]+\}$/)
        if (sum) t.is(sum.aggregationTemporality, 'AGGREGATION_TEMPORALITY_CUMULATIVE')
      }
    }
  }
  const keys = new Set<string>()
  const times = new Set<string>()
  for (const { metric, point } of pointsOf([request])) {
    const key = `${metric.name} ${JSON.stringify(attributesOf(point))}`
    t.false(keys.has(key), `${key} is there twice`)
    keys.add(key)
    times.add(point.timeUnixNano)
    t.is(new Set(point.attributes.map((attribute) => attribute.key)).size, point.attributes.length)
    t.true(Number.isFinite(pointValue(point)) && pointValue(point) >= 0, key)
    const now = {
      start: BigInt(point.startTimeUnixNano),
      time: BigInt(point.timeUnixNano),
      value: pointValue(point),
    }
    t.true(now.start <= now.time && now.start > 0n, key)
    t.true(now.time <= BigInt(Date.now() + 1) * 1_000_000n, key)
    const before = seen.get(key)
    if (before !== undefined) {
      t.true(now.time > before.time, key)
      if (metric.sum?.isMonotonic && now.start === before.start)
        t.true(now.value >= before.value, `${key} fell`)
      if (metric.sum?.isMonotonic && now.start !== before.start)
        t.true(now.start >= before.time, `${key} began anew`)
    }
    seen.set(key, now)
  }
  t.is(times.size, 1)
}

test.serial('thousands of processes that nobody saw leave nothing behind', async (t) => {
  const { agent } = await start(t, '--exporters=prometheus', '--collection.max-age=0')
  const storm = spawn('/bin/sh', [
    '-c',
    'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); /bin/true; done',
  ])
  t.teardown(() => storm.kill('SIGKILL'))
  const ended = once(storm, 'exit')
  while (storm.exitCode === null) {
    await agent.scrape()
    await Promise.race([ended, delay(20)])
  }
  const samples = parseSamples(await agent.scrape())
  const processes = samples.find(
    ({ name, labels }) => name.endsWith('num_procs') && labels.groupname === 'true',
  )
  t.is(processes?.value ?? 0, 0)
  const failures = samples.filter(
    ({ name, labels }) =>
      name === 'procgroup_collection_processes' && labels.procgroup_collection_outcome === 'failed',
  )
  t.deepEqual(
    failures.map(({ value }) => value),
    [0],
  )
})

test.serial('programs with hostile names', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hostile-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const names = ['quo"te', 'new\nline', 'back\\slash', 'paren) (R 1', 'b\xe8\xa1']
  // Names are bytes to the kernel, and the last one is no UTF-8: only a shell can name such a program.
  const children = names.map((name): ChildProcess => {
    const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')])
    copyFileSync('/bin/sleep', path)
    const octal = [...path].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
    return spawn('/bin/sh', ['-c', `exec "$(printf '${octal}')" 60`], { stdio: 'ignore' })
  })
  t.teardown(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  const { agent } = await start(t, '--exporters=prometheus', '--collection.max-age=0')
  const wanted = [...names.slice(0, -1), 'b\uFFFD']
  let missing = wanted
  // The shells need a moment to become the programs.
  for (let attempt = 0; missing.length > 0 && attempt < 100; attempt++) {
    await delay(50)
    const groups = new Set(parseSamples(await agent.scrape()).map(({ labels }) => labels.groupname))
    missing = wanted.filter((name) => !groups.has(name))
  }
  t.deepEqual(missing, [])
})

test.serial(
  'a collector with too many series loses the same ones every time, and says so once',
  async (t) => {
    const { agent, lines } = await start(
      t,
      '--exporters=prometheus',
      '--collection.max-age=0',
      '--limits.series=60',
    )
    const samplesOfGroups = async () => {
      const samples = parseSamples(await agent.scrape())
      const ofCollector = samples.filter(({ name }) => /^(namedprocess|procgroup)_/.test(name))
      const counters = ofCollector.filter(({ name }) =>
        name.endsWith('namegroup_cpu_seconds_total'),
      )
      return {
        samples,
        ofCollector,
        keys: counters.map(({ name, labels }) => lineKey(name, labels)),
      }
    }
    const { samples, ofCollector, keys } = await samplesOfGroups()
    t.true(ofCollector.length > 30 && ofCollector.length <= 60)
    t.true(keys.length > 0)
    t.deepEqual((await samplesOfGroups()).keys, keys)
    // What the collector says of itself is not what goes.
    t.true(ofCollector.some(({ name }) => name === 'namedprocess_scrape_errors'))
    const dropped = samples.find(
      ({ name, labels }) =>
        name === 'otel_interrogator_collector_dropped_series' &&
        labels.otel_interrogator_collector === 'process_groups',
    )
    t.true((dropped?.value ?? 0) > 0)
    const said = lines.filter((line) => line.includes('limits.series'))
    t.is(said.filter((line) => line.includes('"process_groups"')).length, 1)
  },
)

test.serial('a stop pushes what there is and frees the port', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { agent, get } = await start(
    t,
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=1h',
  )
  t.is((await get('/readyz')).status, 200)
  await agent.stop(30_000)
  t.true(receiver.requests.length > 0)
  await t.throwsAsync(get('/healthz'))
})

test.serial('a port that is taken and a procfs that is none are said clearly', async (t) => {
  const { agent } = await start(t, '--exporters=prometheus')
  const { port } = new URL(agent.url ?? '')
  await t.throwsAsync(
    start(t, '--exporters=prometheus', `--web.listen-address=127.0.0.1:${port}`),
    { code: 'EADDRINUSE' },
  )
  await t.throwsAsync(start(t, '--procfs.root=/nowhere'), {
    name: 'StartError',
    message: /\/nowhere/,
  })
})
