/** The Collector's own reader of processes, its `process` scraper, compared with the agent on the same processes. */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type ReceivedRequest,
  type Receiver,
  startReceiver,
} from '../../test/support/receiver.ts'
import { type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { Collector } from './collector.ts'

/**
 * Each is the only process of its group, and does a bit of everything: computes, writes, allocates; it never forks.
 * The PID keeps the groups of two runs at once apart.
 */
const NAMES = ['a', 'b', 'c'].map((name) => `lone-${name}${process.pid}`)
const SCRIPT = 'while :; do printf -v text "%*s" 100000 ""; echo "$text" > "$1"; done'
const RUNS = 3
/** Readings of theirs that may leave out a process, for their scraper is told to pass over what it fails to read. */
const MAX_READINGS = 10

/** Their metric and attribute, and our classic sample of the same. Counters are compared by their differences. */
const SAME: readonly {
  readonly theirs: string
  readonly attribute?: string
  readonly ours: string
  readonly label?: readonly [name: string, value: string]
  readonly isCounter: boolean
}[] = [
  counter('process.cpu.time', 'user', 'cpu_seconds_total', 'mode', 'user'),
  counter('process.cpu.time', 'system', 'cpu_seconds_total', 'mode', 'system'),
  counter('process.paging.faults', 'minor', 'minor_page_faults_total'),
  counter('process.paging.faults', 'major', 'major_page_faults_total'),
  counter(
    'process.context_switches',
    'voluntary',
    'context_switches_total',
    'ctxswitchtype',
    'voluntary',
  ),
  counter(
    'process.context_switches',
    'involuntary',
    'context_switches_total',
    'ctxswitchtype',
    'nonvoluntary',
  ),
  level('process.memory.usage', 'memory_bytes', ['memtype', 'resident']),
  level('process.memory.virtual', 'memory_bytes', ['memtype', 'virtual']),
  level('process.open_file_descriptors', 'open_filedesc'),
  level('process.threads', 'num_threads'),
]

/** Lets processes run and stands them still in turn: what both then say must be equal, to the last tick and byte. */
export async function checkHostmetrics(
  { scope, print }: CheckContext,
  program: string,
): Promise<void> {
  const directory = scope.directory()
  const pids = NAMES.map((name) => {
    const path = join(directory, name)
    copyFileSync('/bin/bash', path)
    return scope.spawn(path, ['-c', SCRIPT, name, join(directory, `${name}.out`)]).pid as number
  })
  // One that is stopped would not end when it is told to.
  scope.onEnd(() => {
    for (const pid of pids) process.kill(pid, 'SIGCONT')
  })
  const backend = await startReceiver()
  scope.onEnd(() => backend.close())
  const health = await freePort()
  const collector = new Collector(scope, program, hostmetrics(backend, health))
  await collector.start(health)
  const agent = await startAgent(scope, ['--collection.max-age=0', '--process-groups.refresh=0s'])
  let before: Map<string, number> | undefined
  let compared = 0
  for (let run = 0; run < RUNS; run++) {
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await untilStopped(pids)
    const theirs = await untilRead(backend, pids)
    const ours = parseSamples(await get(`${agent.url}/metrics`))
    const now = new Map<string, number>()
    for (const [index, name] of NAMES.entries()) {
      for (const same of SAME) {
        const key = `${same.theirs} ${same.attribute ?? ''} of ${name}`
        const their = theirs.get(`${pids[index]} ${same.theirs} ${same.attribute ?? ''}`)
        const our = ours.find(
          (sample) =>
            sample.name === `namedprocess_namegroup_${same.ours}` &&
            sample.labels.groupname === name &&
            (same.label === undefined || sample.labels[same.label[0]] === same.label[1]),
        )?.value
        require(their !== undefined && our !== undefined, `${key} is ${their} and ${our}`)
        // What a process did before the agent came is in their counters only.
        const difference = same.isCounter ? round(their - our) : their
        const expected = same.isCounter ? (before?.get(key) ?? difference) : our
        require(difference === expected, `${key} is off by ${difference - expected}`)
        now.set(key, difference)
        compared++
      }
      // Its process.disk.io is what went through read(2) and write(2); ours is what went to storage.
      const io = readFileSync(`/proc/${pids[index]}/io`, 'utf8')
      for (const [direction, field] of [
        ['read', 'rchar'],
        ['write', 'wchar'],
      ]) {
        const their = theirs.get(`${pids[index]} process.disk.io ${direction}`)
        const passed = Number(new RegExp(`^${field}: (\\d+)$`, 'm').exec(io)?.[1])
        require(their === passed, `its process.disk.io ${direction} is ${their}, not ${passed}`)
      }
    }
    before = now
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    await delay(1000)
  }
  await collector.stop()
  print(
    `the Collector's process scraper gives the same: ${compared} values of ${NAMES.length} processes`,
  )
}

/** SIGSTOP takes effect when the process next gets a CPU. */
async function untilStopped(pids: readonly number[]): Promise<void> {
  const isStopped = (pid: number) => /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  while (!pids.every(isStopped)) await delay(10)
}

/** What it reads of the processes once all of them are stopped, by PID, metric and attribute. */
async function untilRead(
  backend: Receiver,
  pids: readonly number[],
): Promise<ReadonlyMap<string, number>> {
  // One reading may be under way that began before.
  const from = backend.requests.length + 1
  const isComplete = (values: ReadonlyMap<string, number>) =>
    pids.every((pid) =>
      SAME.every(({ theirs, attribute }) => values.has(`${pid} ${theirs} ${attribute ?? ''}`)),
    )
  for (let reading = from; ; reading++) {
    await backend.received(reading + 1)
    const values = valuesOf(backend.requests[reading], pids)
    if (isComplete(values) || reading === from + MAX_READINGS) return values
  }
}

function valuesOf(
  { resourceMetrics }: ReceivedRequest,
  pids: readonly number[],
): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const resource of resourceMetrics) {
    const pid = Number(attributesOf(resource.resource as never)['process.pid'])
    if (!pids.includes(pid)) continue
    for (const { metric, point } of pointsOf([{ resourceMetrics: [resource] }])) {
      const [attribute] = Object.values(attributesOf(point))
      values.set(`${pid} ${metric.name} ${attribute ?? ''}`, pointValue(point))
    }
  }
  return values
}

function hostmetrics(backend: Receiver, health: number): object {
  const on = { enabled: true }
  const metrics = {
    'process.paging.faults': on,
    'process.context_switches': on,
    'process.open_file_descriptors': on,
    'process.threads': on,
  }
  return {
    receivers: {
      hostmetrics: {
        collection_interval: '1s',
        scrapers: { process: { mute_process_all_errors: true, metrics } },
      },
      // Otherwise it would not listen, and its start could not be noticed.
      otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${health}` } } },
    },
    exporters: {
      otlp_grpc: {
        endpoint: backend.endpoint.replace('http://', ''),
        tls: { insecure: true },
        sending_queue: { enabled: false },
      },
    },
    service: {
      pipelines: { metrics: { receivers: ['hostmetrics', 'otlp'], exporters: ['otlp_grpc'] } },
    },
  }
}

function counter(theirs: string, attribute: string, ours: string, label?: string, value = '') {
  return {
    theirs,
    attribute,
    ours,
    ...(label !== undefined && { label: [label, value] as const }),
    isCounter: true,
  }
}

function level(theirs: string, ours: string, label?: readonly [string, string]) {
  return { theirs, ours, ...(label !== undefined && { label }), isCounter: false }
}

/** Both count in hundredths of seconds, and say it in binary fractions. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
