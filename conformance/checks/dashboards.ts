import { rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type DashboardFile,
  DIRECTORIES,
  dashboardFiles,
} from '../../deploy/generate/dashboards/files.ts'
import { EVENTS, type EventClass } from '../../src/kernel/perf-events/events.ts'
import { startReceiver } from '../../test/support/receiver.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { Containerd } from '../containerd/containerd.ts'
import { IMAGE } from '../containerd/image.ts'
import { excusedFamilies } from '../dashboards/impossible.ts'
import { limitTasks, limitWrites } from '../dashboards/limits.ts'
import { type Asked, openDashboard } from '../dashboards/view.ts'
import { startAgent } from '../support/agent.ts'
import { MissingPeer, needPackage } from '../support/packages.ts'
import { query, startPrometheus } from '../support/prometheus.ts'

const POD = { name: 'cart-1', namespace: 'shop' }
/** Values of the dashboards' variables. */
const ONE = { namespace: POD.namespace, pod: POD.name, group: 'busybox' }
/** Wants more CPU than it may have, writes to the storage and reads from it, and has processes that sleep. */
const SCRIPT = `sleep 100000 &
while :; do
  dd if=/dev/zero of=/data bs=64k count=8 oflag=direct
  dd if=/data of=/dev/null bs=64k iflag=direct
  sleep 1
done &
while :; do :; done`
const LIMITS = { cpu_quota: 20_000, cpu_period: 100_000, memory_limit_in_bytes: 64 * 2 ** 20 }
const TASKS = 100
/** Bytes in a second: more than it can. */
const WRITTEN = 10 ** 10
/** The kernel accepts the second trigger only with CAP_SYS_RESOURCE: without it the file counts as unreadable. */
const TRIGGERS = 'cpu:some:100ms:2s,io:some:100ms:1s'
const WITHOUT_SYS_RESOURCE = ['setpriv', '--bounding-set', '-sys_resource']
/** Seconds; that something has happened takes no more than some scrapes. */
const PATIENCE = 60

export const check: Check = {
  title: 'every query of every dashboard gives data, from real containers by a real Prometheus',

  async run(context) {
    const { scope } = context
    if (process.getuid?.() !== 0) throw new MissingPeer('only root can run containers')
    await needPackage('prometheus', 'prometheus', 'promtool')
    const containerd = await Containerd.start(scope)
    const pod = await containerd.runPod({ ...POD, cgroupParent: '/kubepods/burstable/podPOD' })
    const { pid } = await containerd.runConfigured(pod, 'redis', {
      image: { image: IMAGE },
      command: ['/bin/sh', '-c', SCRIPT],
      linux: { resources: LIMITS },
    })
    limitTasks(pid, TASKS)
    limitWrites(pid, tmpdir(), WRITTEN)
    let given = 0
    for (const naming of Object.keys(DIRECTORIES) as DashboardFile['naming'][]) {
      given += await look(context, naming, containerd.socket)
    }
    const dashboards = dashboardFiles().length
    return `${given} queries of ${dashboards} dashboards give data, of everything and of one pod`
  },
}

/**
 * Lets an agent serve one vocabulary, and asks all that its dashboards ask: of everything, and of one group of one pod.
 *
 * @returns how many queries give data.
 */
async function look(
  { scope, print }: CheckContext,
  naming: DashboardFile['naming'],
  socket: string,
): Promise<number> {
  const receiver = await startReceiver()
  scope.onEnd(() => receiver.close())
  const procfs = join(scope.directory(), 'proc')
  symlinkSync('/proc', procfs)
  const flags = [
    `--prometheus.naming=${naming}`,
    `--procfs.root=${procfs}`,
    `--workloads.cri-socket=${socket}`,
    '--collection.max-age=0',
    `--pressure.triggers=${TRIGGERS}`,
    '--perf.enabled',
    `--perf.software=${labels('software')}`,
    `--perf.hardware=${labels('hardware')}`,
    `--perf.cache=${labels('cache')}`,
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=1s',
  ]
  const { url } = await startAgent(scope, flags, '', WITHOUT_SYS_RESOURCE)
  const prometheus = await startPrometheus(scope, new URL(url).host)
  const failed = 'otel_interrogator_collector_success == 0'
  // What is told of failures has to be there, too: for a moment the agent finds no processes.
  rmSync(procfs)
  await until(
    async () => (await query(prometheus, failed)).length > 0,
    () => 'no collector failed',
  )
  symlinkSync('/proc', procfs)

  const excused = new Map<string, string>()
  const isExcused = ({ expression }: Asked) =>
    [...excused.keys()].some((family) => expression.includes(`${family}{`))
  let given = 0
  for (const { path, text } of dashboardFiles().filter((file) => file.naming === naming)) {
    let count = 0
    for (const chosen of [{}, ONE]) {
      let empty: Asked[] = []
      await until(
        async () => {
          for (const [family, proof] of await excusedFamilies(prometheus, naming)) {
            excused.set(family, proof)
          }
          const asked = await openDashboard(prometheus, text, chosen)
          empty = asked.filter(({ hasData }) => !hasData)
          count = asked.length - empty.length
          return empty.every(isExcused)
        },
        () => `${path}: no data for ${empty.map(({ what }) => what).join('; ')}`,
      )
    }
    given += count
    print(`${naming} ${basename(path)}: ${count} queries`)
  }
  print(`not here, by the agent's own word: ${[...excused.keys()].join(', ')}`)
  return given
}

function labels(wanted: EventClass): string {
  const events = EVENTS.filter((event) => event.class === wanted)
  return events.map(({ label }) => label).join(',')
}

async function until(holds: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE * 1000
  while (!(await holds())) {
    require(performance.now() < deadline, otherwise())
    await delay(1000)
  }
}
