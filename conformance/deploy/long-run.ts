/** The agent under the limits of `process-exporter`, on many processes, scraped and pushing for a while. */
import { globSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { startReceiver } from '../../test/support/receiver.ts'
import { type CheckContext, require } from '../check.ts'
import type { Containerd } from '../containerd/containerd.ts'
import type { RunningPod } from '../containerd/runtime.ts'
import { mebibytes, residentMemory } from '../support/memory.ts'
import { needPackage } from '../support/packages.ts'
import { type Prometheus, query, startPrometheus } from '../support/prometheus.ts'
import { runAgent } from './agent-pod.ts'
import type { NodeFacts } from './kubelet.ts'
import { objectsOf, withVariables } from './manifests.ts'

const CROWD = 1000
const SCRAPE_SECONDS = 15
const PUSH_SECONDS = 10
/** Looks at memory so often. */
const LOOK_SECONDS = 60

/**
 * Runs it for as many minutes as the variable MINUTES says, by default one.
 *
 * @param pod the crowd is a container of it.
 * @throws Error when a scrape or a push was missed, or the kernel killed for memory.
 */
export async function runUnderLimits(
  { scope, print }: CheckContext,
  containerd: Containerd,
  facts: NodeFacts,
  pod: RunningPod,
): Promise<void> {
  await needPackage('prometheus', 'prometheus')
  const minutes = Number(process.env.MINUTES ?? 1)
  const script = `i=0; while [ $i -lt ${CROWD} ]; do sleep 100000 & i=$((i+1)); done; wait`
  const crowd = await containerd.runContainer(pod, 'crowd', script)
  while (processesIn(crowd.id) <= CROWD) await delay(100)
  const receiver = await startReceiver()
  scope.onEnd(() => receiver.close())
  const agent = await runAgent(
    scope,
    containerd,
    facts,
    await objectsOf('overlays/process-exporter'),
    (container) =>
      withVariables(container, {
        OTEL_METRICS_EXPORTER: 'otlp,prometheus',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        OTEL_METRIC_EXPORT_INTERVAL: String(PUSH_SECONDS * 1000),
      }),
  )
  const prometheus = await startPrometheus(scope, new URL(agent.url).host, {
    interval: SCRAPE_SECONDS,
  })
  // It begins when it has found its target, and at an offset of its own.
  while ((await query(prometheus, 'up')).length === 0) await delay(500)
  const first = residentMemory(agent.pid).now
  let pushes = 0
  const deadline = Date.now() + minutes * 60_000
  for (let left = deadline - Date.now(); left > 0; left = deadline - Date.now()) {
    await delay(Math.min(left, LOOK_SECONDS * 1000))
    // What has arrived is only counted: it would not fit into memory for long.
    pushes += receiver.requests.splice(0).length
    if (minutes > 1) print(`${mebibytes(residentMemory(agent.pid).now)} resident, ${pushes} pushes`)
  }
  const seen = await scrapesOf(prometheus, `${minutes + 1}m`)
  require(seen.good === seen.all, `${seen.all - seen.good} of ${seen.all} scrapes were missed`)
  const due = Math.floor((minutes * 60) / SCRAPE_SECONDS)
  require(seen.all >= due, `${seen.all} scrapes in ${minutes} minutes`)
  require(seen.processes >= CROWD, `a scrape has ${seen.processes} of ${CROWD} processes`)
  require(seen.failedPushes === 0, `${seen.failedPushes} pushes failed`)
  require(pushes > 0, 'nothing was pushed')
  const kills = Number(
    /^oom_kill (\d+)$/m.exec(cgroupFile(agent.id, 'memory.{oom_control,events}'))?.[1],
  )
  require(kills === 0, `the kernel has killed ${kills} times for memory`)
  print(
    `150m of CPU and 180Mi, ${CROWD} processes, ${minutes} min: ${seen.all} scrapes and ${pushes} pushes, none missed`,
  )
  print(
    `scrapes took ${seen.meanSeconds.toFixed(2)} s, ${seen.slowestSeconds.toFixed(2)} s at most; ${throttled(agent.id)}`,
  )
  const { now, most } = residentMemory(agent.pid)
  const [atFirst, atEnd, atMost] = [first, now, most].map(mebibytes)
  print(`${atFirst} resident at first, ${atEnd} at the end, ${atMost} at most; no OOM kill`)
}

async function scrapesOf(prometheus: Prometheus, range: string) {
  const one = async (expression: string) => (await query(prometheus, expression))[0]?.value ?? 0
  return {
    all: await one(`count_over_time(up[${range}])`),
    good: await one(`sum_over_time(up[${range}])`),
    slowestSeconds: await one(`max_over_time(scrape_duration_seconds[${range}])`),
    meanSeconds: await one(`avg_over_time(scrape_duration_seconds[${range}])`),
    processes: await one(
      `min(min_over_time(namedprocess_namegroup_num_procs{groupname="sleep"}[${range}]))`,
    ),
    failedPushes: await one(
      'sum(otel_interrogator_export_requests_total{rpc_status_code!="OK"} or otel_interrogator_export_skipped_total)',
    ),
  }
}

function processesIn(id: string): number {
  return cgroupFile(id, 'cgroup.procs').split('\n').length - 1
}

/** How often the CPU limit stopped the container. */
function throttled(id: string): string {
  const text = cgroupFile(id, 'cpu.stat')
  const count = (key: string) => new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1]
  return `throttled in ${count('nr_throttled')} of ${count('nr_periods')} periods of 100 ms`
}

/** A file of a container's cgroup, in whichever hierarchy has it. */
function cgroupFile(id: string, name: string): string {
  const [path] = globSync(`/sys/fs/cgroup/{cpu,memory,}/kubepods/**/${id}/${name}`)
  return path === undefined ? '' : readFileSync(path, 'utf8')
}
