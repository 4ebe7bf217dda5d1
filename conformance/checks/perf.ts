import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { intoCgroup, makeCgroup } from '../support/cgroups.ts'
import { get } from '../support/http.ts'
import { MissingPeer, needPackage } from '../support/packages.ts'

const TOLERANCE = 0.02
/** What perf calls the events, and the agent's metrics of them in each vocabulary. */
const EVENTS = [
  ['task-clock', 'container_perf_task_clock_seconds_total', 'cgroup_monitor_task_clock'],
  ['page-faults', 'container_perf_page_faults_total', 'cgroup_monitor_page_faults'],
  ['context-switches', 'container_perf_context_switches_total', 'cgroup_monitor_context_switches'],
  ['cpu-cycles', 'container_perf_cpu_cycles_total', 'cgroup_monitor_cpu_cycles'],
  ['instructions', 'container_perf_instruction_total', 'cgroup_monitor_instruction'],
] as const
/** A thousand children that live for a moment, beside loops that never sleep. */
const WORK = `for i in 1 2 3; do (for ((n = 0; n < 400000; n++)); do :; done) & done
for ((n = 0; n < 1000; n++)); do (:); done; wait`
const CONTAINERS = 20
const ROUNDS = 20

export const check: Check = {
  title:
    'perf events of a container are what perf stat counts, threads and short-lived children too',

  async run({ scope, print }) {
    if (process.getuid?.() !== 0) throw new MissingPeer('only root can count events of cgroups')
    await needPackage('linux-perf', 'perf')
    const id = randomBytes(32).toString('hex')
    const path = `kubepods/burstable/pod${randomUUID()}/${id}`
    makeCgroup(scope, path)
    const events = EVENTS.map(([event]) => event).join(',')
    const options = ['stat', '-a', '-x', ';', '-e', events, '--for-each-cgroup', path]
    // It counts until its command ends, however long the work takes to begin.
    const reference = scope.spawn('perf', [...options, 'sh', '-c', 'echo counting; read -r _'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let output = ''
    reference.stderr?.on('data', (chunk) => {
      output += chunk
    })
    const ended = once(reference, 'close')
    await Promise.race([once(reference.stdout as Readable, 'data'), ended])
    const agent = await startAgent(scope, [
      '--perf.enabled',
      '--perf.software=TaskClock,PageFaults,ContextSwitches,TimeRunning',
      '--prometheus.naming=classic,otel',
      '--collection.max-age=0',
    ])
    const scrape = async () => parseSamples(await get(`${agent.url}/metrics`))
    await scrape()
    const work = scope.spawn('bash', ['-c', `read -r; ${WORK}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    intoCgroup(scope, work.pid as number, path)
    work.stdin?.end('\n')
    await once(work, 'exit')
    const samples = await scrape()
    reference.stdin?.end('\n')
    const [code] = (await ended) as [number | null]
    require(code === 0, output)
    let compared = 0
    for (const [event, otel, classic] of EVENTS) {
      const line = output.split('\n').find((candidate) => candidate.includes(`;${event};`)) ?? ''
      const expected = Number(line.split(';')[0])
      const found = sampleOf(samples, otel, id)
      if (Number.isNaN(expected)) {
        require(found === undefined, `${event} is ${found}, perf says ${line}`)
        print(`${event}: not counted on this machine, by either`)
        continue
      }
      const scale = event === 'task-clock' ? 1000 : 1
      const apart = Math.abs((found ?? 0) * scale - expected) / expected
      require(apart <= TOLERANCE, `${event} is ${(found ?? 0) * scale}, perf says ${expected}`)
      const old = (sampleOf(samples, classic, id) ?? 0) / (event === 'task-clock' ? 1e9 : 1)
      require(Math.abs(old - (found ?? 0)) <= 1e-6 * old, `${classic} is another value: ${old}`)
      print(`${event}: ${(apart * 100).toFixed(2)} % apart from ${expected}`)
      compared++
    }
    const running = sampleOf(samples, 'cgroup_monitor_time_running', id) ?? 0
    const clock = sampleOf(samples, 'cgroup_monitor_task_clock', id) ?? 0
    require(running >= clock * 0.9, `the counters ran for ${running} ns of ${clock}`)
    require(compared >= 3, 'perf counts no software events here')
    const leaked = await countLeaks(agent.pid, async () => {
      const own = new AsyncDisposableStack()
      const mine = { onEnd: (end: () => void | Promise<void>) => own.defer(async () => end()) }
      for (let count = 0; count < CONTAINERS; count++) {
        makeCgroup(mine, `kubepods/burstable/pod${randomUUID()}/${randomBytes(32).toString('hex')}`)
      }
      await scrape()
      await own.disposeAsync()
      await scrape()
    })
    require(leaked <= 0, `${leaked} descriptors are left over`)
    return `${compared} events agree; ${ROUNDS * CONTAINERS} containers that came and went left no descriptor`
  },
}

/**
 * Descriptors more after many rounds than after the first. Files of processes are left out: how many stay open follows the
 * processes of the node, which come and go meanwhile.
 */
async function countLeaks(pid: number, round: () => Promise<void>): Promise<number> {
  const count = () =>
    readdirSync(`/proc/${pid}/fd`).filter((fd) => !targetOf(pid, fd).startsWith('/proc/')).length
  await round()
  await delay(500)
  const before = count()
  for (let index = 0; index < ROUNDS; index++) await round()
  await delay(500)
  return count() - before
}

/** What a descriptor refers to; empty when it was closed meanwhile. */
function targetOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return ''
  }
}

function sampleOf(samples: readonly Sample[], name: string, id: string): number | undefined {
  return samples.find((sample) => sample.name === name && sample.labels.container_id === id)?.value
}
