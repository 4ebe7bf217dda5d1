/** The programs that are measured: each collects once on request, and reports its CPU time. */
import { on, once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import { buildCollector } from '../collector/build.ts'
import { startAgent } from '../support/agent.ts'
import type { Scope } from '../support/children.ts'
import { get, untilReady } from '../support/http.ts'
import { isInstalled, MissingPeer } from '../support/packages.ts'
import type { Crowd } from './crowd.ts'

export interface Subject {
  readonly name: string
  readonly pid: number
  /** One collection; what it printed, if it prints metrics. */
  collect(): Promise<string>
}

const EXPORTER = 'prometheus-process-exporter'

/** @param flags what differs from an agent that collects at every scrape. */
export async function agentSubject(
  scope: Scope,
  crowd: Crowd,
  name: string,
  flags: readonly string[] = [],
): Promise<Subject> {
  const { pid, url } = await startAgent(scope, ['--collection.max-age=0', ...flags], crowd.rules)
  return { name, pid, collect: () => get(`${url}/metrics`) }
}

/** The real process-exporter; undefined where it isn't installed. */
export async function exporterSubject(scope: Scope, crowd: Crowd): Promise<Subject | undefined> {
  if (!isInstalled(EXPORTER)) return undefined
  const file = join(scope.directory(), 'process-exporter.yaml')
  writeFileSync(file, crowd.rules)
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const child = scope.spawn(EXPORTER, [`-config.path=${file}`, `-web.listen-address=${address}`])
  await untilReady(`http://${address}/`)
  return {
    name: 'process-exporter',
    pid: child.pid as number,
    collect: () => get(`http://${address}/metrics`),
  }
}

/** The real Collector with its `process` scraper, which reads on its own, once a second; undefined where it can't be had. */
export async function hostmetricsSubject(
  scope: Scope,
  print: (line: string) => void,
): Promise<Subject | undefined> {
  let program: string
  try {
    program = await buildCollector(scope, print)
  } catch (error) {
    if (!(error instanceof MissingPeer)) throw error
    return undefined
  }
  const file = join(scope.directory(), 'collector.yaml')
  writeFileSync(file, HOSTMETRICS)
  const child = scope.spawn(program, [`--config=${file}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  if (child.stderr === null) throw new Error('the Collector has no log')
  const lines = createInterface({ input: child.stderr })
  return {
    name: 'hostmetrics',
    pid: child.pid as number,
    collect: async () => {
      for await (const [line] of on(lines, 'line')) if (line.includes('data points')) break
      return ''
    },
  }
}

/** The debug exporter writes one line for each collection, and nothing of what is in it. */
const HOSTMETRICS = `
receivers: {hostmetrics: {collection_interval: 1s, scrapers: {process: {mute_process_all_errors: true}}}}
exporters: {debug: {verbosity: basic}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [hostmetrics], exporters: [debug]}}
`

/** A plain loop over the same files. */
export function floorSubject(scope: Scope, crowd: Crowd, threads: number): Subject {
  const script = fileURLToPath(new URL('floor.ts', import.meta.url))
  const child = scope.spawn(process.execPath, [script, crowd.pids.join(','), String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  if (child.stdin === null || child.stdout === null) throw new Error('the floor has no pipes')
  const { stdin, stdout } = child
  const lines = createInterface({ input: stdout })
  return {
    name: 'plain read loop',
    pid: child.pid as number,
    collect: async () => {
      const done = once(lines, 'line')
      stdin.write('go\n')
      await done
      return ''
    },
  }
}

/** CPU time that a process has used so far, in seconds, with all its threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The same without the grain of clock ticks: the time on a CPU of all threads that are there. */
export function runtimeSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanoseconds = threads.map((tid) =>
    Number.parseInt(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1'), 10),
  )
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e9
}
