/** Failures of a Collector that data must survive: killed, hanging, accepting small messages only. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { pointsOf } from '../../test/support/receiver.ts'
import { type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { residentMemory } from '../support/memory.ts'
import { Collector, LatestPoint, writtenRequests } from './collector.ts'
import { otlpReceiver, pushing, type Way } from './ways.ts'

const KILLS = 10
/** Processes whose metrics are more than 1 MiB. */
const MANY = 500
const INTERVAL = 1000
/** For a connection that is made anew on a busy machine: gRPC waits longer after each one that was refused. */
const PATIENCE = 60 * INTERVAL
/** How much of the agent's memory may come with a Collector that is away. */
const GROWTH = 1.15

export async function checkFailures(
  { scope, print: write }: CheckContext,
  program: string,
  way: Way,
): Promise<void> {
  const print = (line: string) => write(`${way.protocol}: ${line}`)
  const port = await freePort()
  const file = join(scope.directory(), 'metrics.json')
  const create = (at: number, path: string, most: number) =>
    new Collector(scope, program, {
      receivers: { otlp: otlpReceiver(way, at, most) },
      exporters: { file: { path, append: true, flush_interval: '100ms' } },
      service: { pipelines: { metrics: { receivers: ['otlp'], exporters: ['file'] } } },
    })
  const collector = create(port, file, 4)
  await collector.start(port)
  const agent = await startAgent(scope, [
    ...pushing(way, port),
    `--otlp.interval=${INTERVAL}ms`,
    '--otlp.timeout=2s',
  ])
  const latest = new LatestPoint(file)
  const untilCurrent = async (what: string) => {
    const since = Date.now()
    while (latest.milliseconds < since) {
      require(Date.now() - since < PATIENCE, `no new data after ${what}`)
      // Whatever happens to pushes, scrapes are answered.
      await get(`${agent.url}/metrics`)
      await delay(100)
    }
  }
  await untilCurrent('the start')
  let before = Number.NaN
  for (let kill = 0; kill < KILLS; kill++) {
    // By then the agent has taken what it needs for good.
    if (kill === KILLS / 2) before = residentMemory(agent.pid).now
    await collector.kill()
    await delay(INTERVAL)
    await collector.start(port)
    await untilCurrent('a restart')
  }
  print(`killed and restarted ${KILLS} times: data is current after each`)
  process.kill(collector.pid, 'SIGSTOP')
  await delay(3 * INTERVAL)
  await get(`${agent.url}/metrics`)
  process.kill(collector.pid, 'SIGCONT')
  await untilCurrent('the Collector hung')
  await collector.stop()
  print('hanging: data is current afterwards')

  const seen = new Map<string, string>()
  for (const { metric, point } of pointsOf(writtenRequests(file, KILLS))) {
    const key = JSON.stringify([metric.name, point.attributes, point.timeUnixNano])
    const value = JSON.stringify([point.asDouble, point.asInt])
    require((seen.get(key) ?? value) === value, `${key} came twice, with different values`)
    seen.set(key, value)
  }
  const after = residentMemory(agent.pid).now
  print(
    `${seen.size} points, none twice with different values; resident memory ${before} → ${after} kB`,
  )
  require(after < before * GROWTH, `the agent grew from ${before} to ${after} kB`)
  await checkSmallMessages()

  /** A push that is larger than the Collector takes: the agent learns the size from the refusal. */
  async function checkSmallMessages(): Promise<void> {
    const small = join(scope.directory(), 'small.json')
    const other = await freePort()
    await create(other, small, 1).start(other)
    const tree = new ProcfsTree()
    scope.onEnd(() => tree.dispose())
    for (let pid = 1; pid <= MANY; pid++) tree.set(pid, { comm: `program-${pid}` })
    const { url } = await startAgent(scope, [
      `--procfs.root=${tree.root}`,
      '--cgroups.enabled=false',
      '--collection.max-age=10m',
      ...pushing(way, other),
      '--otlp.interval=1h',
    ])
    const samples = parseSamples(await get(`${url}/metrics`)).length - 1
    const since = Date.now()
    while (pointsOf(writtenRequests(small)).length < samples) {
      require(Date.now() - since < PATIENCE, `of ${samples} points some did not arrive`)
      await delay(200)
    }
    const requests = writtenRequests(small)
    require(requests.length > 1, 'the push was not divided')
    const keys = pointsOf(requests).map(
      ({ metric, point }) => `${metric.name} ${JSON.stringify(point.attributes)}`,
    )
    const twice = keys.find((key, index) => keys.indexOf(key) !== index)
    require(twice === undefined, `${twice} came twice`)
    print(
      `taking 1 MiB at most: ${samples} points arrive once each, in ${requests.length} requests`,
    )
  }
}
