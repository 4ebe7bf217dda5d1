/**
 * The benchmark: the cost of a collection, compared with process-exporter and with only reading the files.
 *
 * All are measured in turn in one run, so that what else the machine does hits all alike: quote the ratios.
 */
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { sample } from '../test/support/exposition.ts'
import { measureCgroups } from './bench/cgroups.ts'
import { startCrowd } from './bench/crowd.ts'
import { measureIntervals } from './bench/intervals.ts'
import { measureMemory } from './bench/memory.ts'
import { measurePerf } from './bench/perf.ts'
import { measurePipeline } from './bench/pipeline.ts'
import { measureRecorder } from './bench/recorder.ts'
import {
  agentSubject,
  cpuSeconds,
  exporterSubject,
  floorSubject,
  hostmetricsSubject,
  type Subject,
} from './bench/subjects.ts'
import { measureWorkloads } from './bench/workloads.ts'
import { Scope } from './support/children.ts'
import { median } from './support/median.ts'
import { mebibytes, residentMemory } from './support/memory.ts'

/** Collections between two looks at a clock that ticks every 10 ms. */
const COLLECTIONS = 5
const WARM_UP = 3

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '500' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '6' },
    series: { type: 'string', default: '20000' },
    intervals: { type: 'string', default: '2,15,60' },
    parts: {
      type: 'string',
      default: 'loop,intervals,pipeline,workloads,cgroups,perf,recorder,memory',
    },
    help: { type: 'boolean', default: false },
  },
})

const HELP = `npm run bench -- [options]
  --processes N    processes in the crowd (${values.processes})
  --threads N      threads of each, for the part "loop" (${values.threads})
  --rounds N       rounds of ${COLLECTIONS} collections, for the part "loop" (${values.rounds})
  --intervals LIST seconds between two collections, for the part "intervals" (${values.intervals});
                   each kind of process is measured for twice the longest,
                   after one that is not measured
  --series N       series of the part "pipeline" (${values.series})
  --parts LIST     what is measured (${values.parts})`

if (values.help) print(HELP)
else await main()

async function main(): Promise<void> {
  const processes = Number(values.processes)
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    loop: () => measureLoop(processes),
    intervals: () =>
      measureIntervals({ processes, intervals: values.intervals.split(',').map(Number) }, print),
    pipeline: () => measurePipeline(Number(values.series), print),
    workloads: () => measureWorkloads(print),
    cgroups: () => measureCgroups(print),
    perf: () => measurePerf(print),
    recorder: () => measureRecorder(print),
    memory: () => measureMemory(print),
  }
  for (const name of values.parts.split(',')) {
    const measurePart = parts[name]
    if (measurePart === undefined) throw new Error(`there is no part ${name}`)
    await measurePart()
  }
}

/** Collections one right after the other. */
async function measureLoop(processes: number): Promise<void> {
  const threads = Number(values.threads)
  await using scope = new Scope()
  process.once('SIGINT', () => scope[Symbol.asyncDispose]().then(() => process.exit(1)))
  print(`collection of ${processes} processes with ${threads} thread(s) each`)
  const crowd = await startCrowd(scope, processes, threads)
  const agent = await agentSubject(scope, crowd, 'otel-interrogator')
  const thorough = await agentSubject(scope, crowd, '  with refresh=0s', [
    '--process-groups.refresh=0s',
  ])
  const bpf = await agentSubject(scope, crowd, '  by BPF', ['--process-groups.source=bpf'])
  const bare = await agentSubject(scope, crowd, '  by BPF, no smaps', [
    '--process-groups.source=bpf',
    '--process-groups.smaps=false',
  ])
  const exporter = await exporterSubject(scope, crowd)
  const floor = floorSubject(scope, crowd, threads)
  const hostmetrics = await hostmetricsSubject(scope, print)
  const subjects = [agent, thorough, bpf, bare, exporter, hostmetrics, floor].filter(
    (subject) => subject !== undefined,
  )
  const costs = await measure(subjects, Number(values.rounds))
  for (const { name, pid } of subjects) {
    const cost = costs.get(name) as number[]
    const memory = mebibytes(residentMemory(pid).now)
    const files = readdirSync(`/proc/${pid}/fd`).length
    print(
      `  ${name.padEnd(18)} ${milliseconds(median(cost))} of CPU a collection, ${memory} resident, ${files} open files`,
    )
  }
  for (const other of [exporter, hostmetrics, floor]) {
    if (other === undefined) continue
    printRatio(costs, agent, other)
    printRatio(costs, thorough, other)
    printRatio(costs, bpf, other)
    printRatio(costs, bare, other)
  }
  if (hostmetrics === undefined) print('  the Collector can not be built: no comparison with it')
  if (exporter === undefined) print('  process-exporter is not installed: no comparison with it')
  const text = await agent.collect()
  print(
    `  series: ${text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length}`,
  )
  const delay = sample(text, 'nodejs_eventloop_delay_max_seconds')
  print(`  longest delay of the event loop while collecting: ${milliseconds(delay ?? Number.NaN)}`)
}

/** CPU seconds a collection of each subject, round by round. */
async function measure(
  subjects: readonly Subject[],
  rounds: number,
): Promise<Map<string, number[]>> {
  const costs = new Map<string, number[]>(subjects.map(({ name }) => [name, []]))
  for (const subject of subjects) {
    for (let collection = 0; collection < WARM_UP; collection++) await subject.collect()
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, pid, collect } of subjects) {
      const before = cpuSeconds(pid)
      for (let collection = 0; collection < COLLECTIONS; collection++) await collect()
      costs.get(name)?.push((cpuSeconds(pid) - before) / COLLECTIONS)
    }
  }
  return costs
}

function printRatio(costs: ReadonlyMap<string, number[]>, one: Subject, other: Subject): void {
  const others = costs.get(other.name) as number[]
  const ratios = (costs.get(one.name) as number[]).map((cost, round) => cost / others[round])
  const range = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`
  print(`  ratio ${one.name.trim()} to ${other.name}: ${median(ratios).toFixed(3)} (${range})`)
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
