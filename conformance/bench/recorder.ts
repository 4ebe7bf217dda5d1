/** Cost of the recorder: samples of many real cgroups, and the history of many groups. */
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { registerCgroups } from '../../src/collectors/cgroups/collector.ts'
import { NodeUsageReader } from '../../src/kernel/procfs/node-usage.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { readSystemConstants } from '../../src/kernel/system-constants.ts'
import { Recorder } from '../../src/recorder/recorder.ts'
import { now } from '../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { liveAnswer, type Observation } from '../../src/web/api/live.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'
import { type Reading, snapshotOf } from '../../test/support/snapshots.ts'
import { CGROUP2 } from '../support/cgroups.ts'
import { median } from '../support/median.ts'

const CONTAINERS = 500
const ROUNDS = 40
/** Looks at CPU time between two samples. */
const CPU_LOOKS = 7
const WINDOW_SECONDS = 900
/** The files of a sample. */
const SAMPLED = [
  ...['cpu.stat', 'memory.current', 'io.stat'],
  ...['cpu.pressure', 'memory.pressure', 'io.pressure'],
]
const BUFFER = Buffer.allocUnsafe(64 * 1024)

function readAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) readSync(descriptor, BUFFER, 0, BUFFER.length, 0)
}

export async function measureRecorder(print: (line: string) => void): Promise<void> {
  measureMemory(print)
  await measureSamples(print)
}

async function measureSamples(print: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0 || !existsSync(join(CGROUP2, 'cgroup.procs'))) {
    print('recorder: only root can make cgroups, in a mount of cgroup v2')
    return
  }
  const top = join(CGROUP2, `otel-interrogator-recorder-${process.pid}`)
  mkdirSync(top)
  const paths = Array.from({ length: CONTAINERS }, (_, index) =>
    join(top, index.toString(16).padStart(64, '0')),
  )
  try {
    for (const path of paths) mkdirSync(path)
    const node = new NodeUsageReader('/proc', readSystemConstants().ticksPerSecond)
    const recorder = new Recorder({
      ...{ interval: 1000, window: WINDOW_SECONDS * 1000, max_memory: 64 * 1024 ** 2 },
      ...{ hasSamples: true, ...node.size() },
    })
    const sampler = createSampler()
    recorder.record(await sampler.snapshot())
    const observation: Observation = {
      ...{ recorder, hasPast: true, groupInterval: 1000, node: 'node' },
    }
    const costs = {
      ...{ sample: [] as number[], look: [] as number[] },
      ...{ answer: [] as number[], plain: [] as number[] },
    }
    const open = paths.flatMap((path) =>
      SAMPLED.map((file) => join(path, file))
        .filter(existsSync)
        .map((file) => openSync(file, 'r')),
    )
    for (let round = 0; round < ROUNDS; round++) {
      costs.sample.push(
        await cpu(async () => {
          const snapshot = await sampler.sample('usage')
          if (snapshot !== undefined) recorder.record(snapshot, 'usage', node.usage())
        }),
      )
      costs.plain.push(await cpu(async () => readAll(open)))
      costs.look.push(
        await cpu(async () => {
          const snapshot = await sampler.sample('cpu')
          if (snapshot !== undefined) recorder.record(snapshot, 'cpu')
        }),
      )
      costs.answer.push(
        await cpu(async () => JSON.stringify(liveAnswer(observation, 0, 0, false)).length),
      )
    }
    for (const descriptor of open) closeSync(descriptor)
    const [sample, look, answer, plain] = [
      ...[costs.sample, costs.look, costs.answer, costs.plain],
    ].map(median)
    const share = (sample + CPU_LOOKS * look) / 1e6
    print(`recorder with ${CONTAINERS} containers, each second`)
    print(`  sample ${milliseconds(sample)}, look at CPU time ${milliseconds(look)}`)
    print(
      `  ratio of a sample to the mere reading of its ${open.length} files: ${(sample / plain).toFixed(2)}`,
    )
    print(`  together ${(share * 100).toFixed(2)} % of a CPU`)
    print(`  answer of the API with everything in it: ${milliseconds(answer)}`)
  } finally {
    for (const path of paths) rmdirSync(path)
    rmdirSync(top)
  }
}

function createSampler(): Sampler {
  const meter = new ObservableMeter({ name: 'cgroups' }, now())
  registerCgroups(
    meter,
    { root: CGROUP2, include: [], depth: 16, max: 20_000, open_files: 16_384, triggers: [] },
    {
      procfs: new Procfs(),
      system: readSystemConstants(),
      slice: new TimeSlice(),
      workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
      notify: () => {},
    },
  )
  return new Sampler({
    ...{ meters: [meter], maxAge: 0, sampled: new Set(['cgroups']) },
    onRun: () => {},
  })
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
