/** What the recorder costs: samples of many real cgroups, and the past of many groups. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { registerCgroups } from '../../src/collectors/cgroups/collector.ts'
import { NodeUsageReader } from '../../src/kernel/procfs/node-usage.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { readSystemConstants } from '../../src/kernel/system-constants.ts'
import { Recorder } from '../../src/recorder/recorder.ts'
import { type UsageSource, UsageSources } from '../../src/recorder/usage.ts'
import { clock, now } from '../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { toSeconds } from '../../src/telemetry/time.ts'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { liveAnswer, type Observation } from '../../src/web/api/live.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'
import { type Reading, snapshotOf } from '../../test/support/snapshots.ts'
import { startAgent } from '../support/agent.ts'
import { CGROUP2, intoCgroup, makeCgroup } from '../support/cgroups.ts'
import { endChild, Scope } from '../support/children.ts'
import { get } from '../support/http.ts'
import { median } from '../support/median.ts'
import { runtimeSeconds } from './subjects.ts'

const CONTAINERS = 500
const CONTAINERS_OF_POD = 2
const ROUNDS = 15
const WARM_UP = 200
/** Looks at CPU time between two samples. */
const CPU_LOOKS = 7
const WINDOW_SECONDS = 900
/** Beside hierarchies of v1, memory and storage are counted there. */
const V1_ROOTS = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/blkio']
/** Wakes five times a second, and starts no process for it. */
const AWAKE = 'exec 3<> <(:); while :; do read -t 0.2 -u 3; done'

export async function measureRecorder(print: (line: string) => void): Promise<void> {
  measureMemory(print)
  if (process.getuid?.() !== 0 || !existsSync(join(CGROUP2, 'cgroup.procs'))) {
    print('recorder: only root can make cgroups, in a mount of cgroup v2')
    return
  }
  await using scope = new Scope()
  const top = `kubepods/burstable/bench-${process.pid}`
  const paths = Array.from({ length: CONTAINERS }, (_, index) => {
    const pod = Math.floor(index / CONTAINERS_OF_POD)
    const uid = `${process.pid.toString(16).padStart(8, '0')}-0000-4000-8000-${String(pod).padStart(12, '0')}`
    return `${top}/pod${uid}/${index.toString(16).padStart(64, '0')}`
  })
  makeCgroup(scope, top)
  for (const root of [CGROUP2, ...V1_ROOTS.filter(existsSync)]) {
    for (const path of paths) makeCgroup(scope, path, root)
  }
  await measureSamples('idle', print)
  await measureAgent('idle', print)
  for (const path of paths) {
    const child = scope.spawn('bash', ['-c', AWAKE])
    intoCgroup(scope, child.pid as number, path)
    scope.onEnd(() => endChild(child))
  }
  await delay(2000)
  await measureSamples('awake, each five times a second,', print)
  await measureAgent('awake', print)
}

/** Seconds of the agent's life that are not measured, for V8 still compiles then, and those that are. */
const AGENT_WARM_UP = 100
const AGENT_SECONDS = 60
/** As often as the page asks. */
const LOOK_MILLISECONDS = 1000

/** The whole agent with the recorder, which nobody scrapes: what it takes, and what it takes more while the page is open. */
async function measureAgent(what: string, print: (line: string) => void): Promise<void> {
  await using scope = new Scope()
  const { pid, url } = await startAgent(scope, ['--recorder.enabled'])
  await delay(AGENT_WARM_UP * 1000)
  const share = async () => {
    const before = runtimeSeconds(pid)
    await delay(AGENT_SECONDS * 1000)
    return (runtimeSeconds(pid) - before) / AGENT_SECONDS
  }
  const alone = await share()
  const end = keepLooking(url)
  await delay(AGENT_WARM_UP * 500)
  const watched = await share()
  end()
  const percent = (part: number) => `${(part * 100).toFixed(2)} %`
  print(`the agent with the recorder and ${CONTAINERS} containers that are ${what}`)
  print(
    `  nobody looks: ${percent(alone)} of a CPU, with a collection of process groups every 15 s`,
  )
  print(`  the page is open: ${percent(watched)}, ${percent(watched - alone)} more`)
}

/** Asks as the page does; returns what ends that. */
function keepLooking(url: string): () => void {
  let [instance, revision] = [0, 0]
  const look = async () => {
    const query = `instance=${instance}&since=${revision}${revision === 0 ? '&sparks=1' : ''}`
    const answer = JSON.parse(await get(`${url}/api/v1/live?${query}`)) as LiveAnswer
    instance = answer.instance
    revision = answer.revision
  }
  const timer = setInterval(() => void look().catch(() => {}), LOOK_MILLISECONDS)
  return () => clearInterval(timer)
}

type LiveAnswer = Pick<ReturnType<typeof liveAnswer>, 'instance' | 'revision'>

async function measureSamples(what: string, print: (line: string) => void): Promise<void> {
  const node = new NodeUsageReader('/proc', readSystemConstants().ticksPerSecond)
  const recorder = new Recorder({
    ...{ interval: 1000, window: WINDOW_SECONDS * 1000, max_memory: 64 * 1024 ** 2 },
    ...{ hasSamples: true, ...node.size() },
  })
  const { source, close } = createSource()
  const observation: Observation = {
    ...{ recorder, hasPast: true, groupInterval: 1000, node: 'node' },
  }
  const sample: number[] = []
  const looks: number[] = []
  const answer: number[] = []
  const calls: number[] = []
  // An agent that has run for some minutes has compiled code.
  for (let second = WARM_UP; second > 0; second--) {
    const time = clock.now()
    const at = toSeconds(time) - second
    recorder.recordSample(at, await source.sample(time), node.usage())
    await source.look(at, (container, when, seconds) =>
      recorder.recordLook(container, when, seconds),
    )
  }
  for (let round = 0; round < ROUNDS; round++) {
    const callsBefore = readCalls()
    sample.push(
      await cpu(async () => {
        const time = clock.now()
        recorder.recordSample(toSeconds(time), await source.sample(time), node.usage())
      }),
    )
    let look = 0
    for (let count = 0; count < CPU_LOOKS; count++) {
      await delay(125)
      look += await cpu(() =>
        source.look(toSeconds(clock.now()), (container, at, seconds) =>
          recorder.recordLook(container, at, seconds),
        ),
      )
    }
    calls.push(readCalls() - callsBefore)
    looks.push(look)
    answer.push(await cpu(async () => JSON.stringify(liveAnswer(observation, 0, 0, false)).length))
    await delay(125)
  }
  close()
  const share = (median(sample) + median(looks)) / 1e6
  print(`recorder with ${CONTAINERS} containers that are ${what} each second`)
  print(
    `  sample ${milliseconds(median(sample))}, ${CPU_LOOKS} looks at CPU time ${milliseconds(median(looks))}, ` +
      `${median(calls)} files read`,
  )
  print(`  together ${(share * 100).toFixed(2)} % of a CPU`)
  print(`  answer of the API with everything in it: ${milliseconds(median(answer))}`)
}

/** Reading system calls of this process so far. */
function readCalls(): number {
  return Number(/syscr: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

function createSource(): { source: UsageSource; close: () => void } {
  const usage = new UsageSources()
  const close = registerCgroups(
    new ObservableMeter({ name: 'cgroups' }, now()),
    {
      ...{ root: '/sys/fs/cgroup', include: [], depth: 16 },
      ...{ max: 20_000, open_files: 16_384, triggers: [] },
    },
    {
      procfs: new Procfs(),
      system: readSystemConstants(),
      slice: new TimeSlice(),
      workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
      usage,
      notify: () => {},
    },
  )
  return { source: usage.source as UsageSource, close }
}

const ENTITIES = 500

function measureMemory(print: (line: string) => void): void {
  const recorder = new Recorder({
    ...{ interval: 1000, window: WINDOW_SECONDS * 1000, max_memory: 1024 ** 3 },
    ...{ cpus: 4, memory: 2 ** 34, hasSamples: false },
  })
  const sets = Array.from({ length: ENTITIES }, (_, index) => ({ 'procgroup.name': `g${index}` }))
  const before = process.memoryUsage()
  const start = Math.floor(Date.now() / 1000)
  const costs: number[] = []
  for (let second = 0; second < WINDOW_SECONDS; second++) {
    const readings = sets.flatMap((attributes): Reading[] => [
      ['procgroup.cpu.time', attributes, second],
      ['procgroup.memory.usage', attributes, second],
    ])
    const snapshot = snapshotOf(start + second, readings)
    const used = process.cpuUsage()
    recorder.record(snapshot)
    const { user, system } = process.cpuUsage(used)
    costs.push(user + system)
  }
  const taken = process.memoryUsage().arrayBuffers - before.arrayBuffers
  print(
    `the past of ${ENTITIES} groups, 8 figures, 15 min at 1 s: ${(taken / 1024 ** 2).toFixed(1)} MiB, ` +
      `accounted for ${(recorder.bytes / 1024 ** 2).toFixed(1)} MiB`,
  )
  print(`  recording a snapshot of them: ${milliseconds(median(costs))}`)
}

/** Microseconds. */
async function cpu(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await act()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(2)} ms of CPU`
}
