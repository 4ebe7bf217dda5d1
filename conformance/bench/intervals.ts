/**
 * What collecting costs at the intervals that people scrape at: real time passes between two collections, so caches are
 * as cold, and what is read only now and then is as often due, as on a node.
 *
 * All subjects run at the same time against the same processes, each at its own interval.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Receiver, startReceiver } from '../../test/support/receiver.ts'
import { Scope } from '../support/children.ts'
import { type Crowd, startCrowd, startWakingCrowd } from './crowd.ts'
import { agentSubject, exporterSubject, runtimeSeconds, type Subject } from './subjects.ts'

export interface IntervalOptions {
  readonly processes: number
  /** Seconds between two collections; each is measured for twice the longest, after the first one. */
  readonly intervals: readonly number[]
}

/** Collections after which compilers have done their work, which an agent does once in weeks; other programs need fewer. */
const WARM_UP = 150
const WARM_UP_OF_OTHERS = 20
/** Milliseconds in which the garbage of that is collected: V8 waits for eight seconds of rest. */
const REST = 15_000
/** Intervals that are not measured: the first pushes compile what pushes need. */
const UNMEASURED = 1

/** The programs that are measured at one interval. */
interface Row {
  readonly seconds: number
  readonly exporter: Subject | undefined
  readonly agents: readonly Subject[]
}

const CROWDS = {
  idle: (scope: Scope, processes: number) => startCrowd(scope, processes, 1),
  'woken once a second': startWakingCrowd,
}

/** Measures and prints the ratios of CPU time to process-exporter's, for each kind of process and each interval. */
export async function measureIntervals(
  { processes, intervals }: IntervalOptions,
  print: (line: string) => void,
): Promise<void> {
  for (const [kind, start] of Object.entries(CROWDS)) {
    await using scope = new Scope()
    const crowd = await start(scope, processes)
    const rows: Row[] = []
    for (const seconds of intervals) rows.push(await startRow(scope, crowd, seconds))
    for (const { exporter, agents } of rows) {
      for (const agent of agents) await warmUp(agent, WARM_UP)
      if (exporter !== undefined) await warmUp(exporter, WARM_UP_OF_OTHERS)
    }
    await delay(REST)
    print(`at real intervals, ${processes} processes, ${kind}: CPU of a collection`)
    const costs = await Promise.all(rows.map((row) => measureRow(row, 2 * Math.max(...intervals))))
    for (const [index, { seconds, exporter, agents }] of rows.entries()) {
      const cost = costs[index]
      const other = exporter === undefined ? undefined : cost.get(exporter)
      if (other !== undefined) print(`  ${seconds} s: process-exporter ${milliseconds(other)}`)
      for (const agent of agents) {
        const own = cost.get(agent) as number
        const ratio = other === undefined ? '' : `, ratio ${(own / other).toFixed(3)}`
        print(`  ${seconds} s: ${agent.name} ${milliseconds(own)}${ratio}`)
      }
    }
  }
}

async function warmUp(subject: Subject, collections: number): Promise<void> {
  for (let count = 0; count < collections; count++) await subject.collect()
}

async function startRow(scope: Scope, crowd: Crowd, seconds: number): Promise<Row> {
  const receiver = await startReceiver()
  scope.onEnd(() => receiver.close())
  const clear = setInterval(() => forget(receiver), 1000)
  scope.onEnd(() => clearInterval(clear))
  const both = [
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=${receiver.endpoint}`,
    `--otlp.interval=${seconds}s`,
  ]
  const exporter = await exporterSubject(scope, crowd)
  const bpf = '--process-groups.source=bpf'
  const agents = [
    await agentSubject(scope, crowd, 'otel-interrogator, scraped'),
    await agentSubject(scope, crowd, 'otel-interrogator, scraped and pushing', both),
    await agentSubject(scope, crowd, 'by BPF, scraped', [bpf]),
    await agentSubject(scope, crowd, 'by BPF, scraped and pushing', [bpf, ...both]),
  ]
  return { seconds, exporter, agents }
}

/** The receiver of tests remembers everything. */
function forget(receiver: Receiver): void {
  receiver.requests.length = 0
}

/** Mean CPU seconds of one interval, by subject: with its collection, its pushes and what it does in between. */
async function measureRow(row: Row, seconds: number): Promise<Map<Subject, number>> {
  const subjects = [...row.agents, row.exporter].filter((subject) => subject !== undefined)
  const costs = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]))
  const rounds = UNMEASURED + Math.max(2, Math.floor(seconds / row.seconds))
  const started = performance.now()
  const before = new Map(subjects.map((subject) => [subject, runtimeSeconds(subject.pid)]))
  for (let round = 1; round <= rounds; round++) {
    await delay(started + round * row.seconds * 1000 - performance.now())
    for (const subject of subjects) {
      await subject.collect()
      const now = runtimeSeconds(subject.pid)
      if (round > UNMEASURED) costs.get(subject)?.push(now - (before.get(subject) as number))
      before.set(subject, now)
    }
  }
  return new Map([...costs].map(([subject, cost]) => [subject, sum(cost) / cost.length]))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`
}
