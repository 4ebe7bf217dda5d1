/** Fifty thousand series, pushed every ten seconds: nothing is refused, and no push waits for another. */
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { cpuSeconds } from '../bench/subjects.ts'
import { type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { mebibytes, residentMemory } from '../support/memory.ts'
import { Collector } from './collector.ts'

const SERIES = 50_000
/** Each is a group of its own, of so many series at least. */
const SERIES_OF_A_GROUP = 36
const INTERVAL_SECONDS = 10
const PUSHES = 3

export async function checkVolume({ scope, print }: CheckContext, program: string): Promise<void> {
  const port = await freePort()
  const collector = new Collector(scope, program, {
    receivers: {
      otlp: {
        protocols: { grpc: { endpoint: `127.0.0.1:${port}`, max_concurrent_streams: 1 } },
      },
    },
    exporters: { debug: { verbosity: 'basic' } },
    service: { pipelines: { metrics: { receivers: ['otlp'], exporters: ['debug'] } } },
  })
  await collector.start(port)
  const tree = new ProcfsTree()
  scope.onEnd(() => tree.dispose())
  for (let pid = 1; pid * SERIES_OF_A_GROUP < SERIES; pid++) {
    tree.set(pid, { comm: `program-${pid}` })
  }
  const agent = await startAgent(scope, [
    `--procfs.root=${tree.root}`,
    '--cgroups.enabled=false',
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=http://127.0.0.1:${port}`,
    `--otlp.interval=${INTERVAL_SECONDS}s`,
  ])
  const exported = async () => {
    const samples = parseSamples(await get(`${agent.url}/metrics`))
    const sum = (name: string) =>
      samples.filter((sample) => sample.name === name).reduce((all, { value }) => all + value, 0)
    return {
      samples: samples.length,
      points: sum('otel_sdk_exporter_metric_data_point_exported_total'),
      refused: samples
        .filter(({ name }) => name === 'otel_sdk_exporter_metric_data_point_exported_total')
        .filter(({ labels }) => labels.error_type !== undefined && labels.error_type !== '')
        .reduce((all, { value }) => all + value, 0),
    }
  }
  while ((await exported()).points === 0) await delay(500)
  const [before, cpu] = [await exported(), cpuSeconds(agent.pid)]
  await delay(PUSHES * INTERVAL_SECONDS * 1000)
  const seconds = cpuSeconds(agent.pid) - cpu
  const after = await exported()
  const points = after.points - before.points
  require(after.samples >= SERIES, `there are ${after.samples} series only`)
  require(after.refused === 0, `${after.refused} points were refused`)
  require(points >= (PUSHES - 1) * SERIES, `only ${points} points arrived`)
  await collector.stop()
  const cost = ((seconds / points) * 1e6).toFixed(1)
  const memory = mebibytes(residentMemory(agent.pid).now)
  print(
    `${after.samples} series every ${INTERVAL_SECONDS} s: none refused, ${cost} µs of CPU a point with reading ${Math.ceil(SERIES / SERIES_OF_A_GROUP)} processes, ${memory} resident`,
  )
}
