/** Memory of the agent as `npm start` starts it, and the time until its first answer. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../test/support/free-port.ts'
import { Receiver } from '../churn/receiver.ts'
import { type RunningAgent, spawnAgent } from '../support/agent.ts'
import { endChild, Scope } from '../support/children.ts'
import { get, getOnce, untilReady } from '../support/http.ts'
import { residentMemory } from '../support/memory.ts'
import { type Crowd, startCrowd } from './crowd.ts'

const PROCESSES = 2000
const LARGE_CROWD = 10_000
/** So that the large crowd has 51,000 series. */
const MANY_GROUPS = 1306
const SCRAPES = 40
const STARTS = 5
/** With a large crowd on a busy machine. */
const START_SECONDS = 300
/** The memory of a process is read when it has been idle for so long. */
const IDLE_MILLISECONDS = 3000

/** Measures and prints what the agent takes with few, with 2,000 and with 10,000 processes. */
export async function measureMemory(print: (line: string) => void): Promise<void> {
  print(`memory as npm start has it, after ${SCRAPES} scrapes, and time to the first answer`)
  await measureEmpty(print)
  await measureStarts('the processes of this machine', 'process_names: []\n', print)
  await measureCrowds(print)
  await measureManySeries(print)
}

/** What Node.js takes that only serves. */
async function measureEmpty(print: (line: string) => void): Promise<void> {
  await using scope = new Scope()
  const port = await freePort()
  const { pid } = scope.spawn(process.execPath, ['-e', EMPTY_SERVER, String(port)])
  const url = `http://127.0.0.1:${port}`
  await untilReady(url)
  await scrape(url, SCRAPES, 100)
  print(`  an empty HTTP server of Node.js: ${memoryOf(pid as number)}`)
}

const EMPTY_SERVER =
  "require('http').createServer((_, response) => response.end('x')).listen(process.argv[1], '127.0.0.1')"

async function measureStarts(
  what: string,
  rules: string,
  print: (line: string) => void,
): Promise<void> {
  const times: number[] = []
  for (let start = 0; start < STARTS; start++) {
    await using scope = new Scope()
    const started = performance.now()
    const { child, url } = await spawnAgent(scope, [], rules)
    await untilAnswered(`${url}/metrics`)
    times.push(performance.now() - started)
    await endChild(child)
  }
  const all = times.toSorted((one, other) => one - other).map((time) => (time / 1000).toFixed(2))
  print(`  start to first answer with ${what}: ${all[STARTS >> 1]} s (${all.join(', ')})`)
}

async function untilAnswered(url: string): Promise<void> {
  for (;;) {
    const answer = await getOnce(url).catch(() => undefined)
    if (answer?.status === 200) return
    await delay(5)
  }
}

async function measureCrowds(print: (line: string) => void): Promise<void> {
  await using scope = new Scope()
  const crowd = await startCrowd(scope, PROCESSES, 1)
  await measureStarts(`${PROCESSES} processes`, crowd.rules, print)
  const agent = await start(scope, crowd)
  await scrape(agent.url, SCRAPES)
  print(`  ${PROCESSES} processes: ${memoryOf(agent.pid)}`)
  const before = privateMemory(agent.pid)
  await measureVisit(agent)
  const change = (privateMemory(agent.pid) / before - 1) * 100
  print(
    `  when ${LARGE_CROWD} more have come and gone: ${memoryOf(agent.pid)}, private ${change.toFixed(0)} % more than before`,
  )
}

/** A crowd comes, is scraped, goes and is forgotten. */
async function measureVisit({ url }: RunningAgent): Promise<void> {
  {
    await using scope = new Scope()
    await startCrowd(scope, LARGE_CROWD, 1)
    await scrape(url, 5)
  }
  await scrape(url, SCRAPES)
}

async function measureManySeries(print: (line: string) => void): Promise<void> {
  await using scope = new Scope()
  const crowd = await startCrowd(scope, LARGE_CROWD, 1, MANY_GROUPS)
  let pushes = 0
  const receiver = await Receiver.start(scope, () => pushes++)
  const agent = await start(scope, crowd, [
    '--exporters=prometheus,otlp',
    `--otlp.endpoint=${receiver.endpoint}`,
    '--otlp.interval=10s',
  ])
  await scrape(agent.url, SCRAPES)
  const text = await get(`${agent.url}/metrics`)
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  const most = residentMemory(agent.pid).most
  await delay(IDLE_MILLISECONDS)
  print(
    `  ${LARGE_CROWD} processes, ${series} series, ${pushes} requests pushed: ${memoryOf(agent.pid)}, at most ${mebibytes(most)} resident`,
  )
}

async function start(
  scope: Scope,
  { rules }: Crowd,
  flags: readonly string[] = [],
): Promise<RunningAgent> {
  const agent = await spawnAgent(scope, ['--collection.max-age=0', ...flags], rules)
  await untilReady(`${agent.url}/readyz`, START_SECONDS)
  return { ...agent, pid: agent.child.pid as number }
}

async function scrape(url: string, scrapes: number, milliseconds = 1000): Promise<void> {
  for (let made = 0; made < scrapes; made++) {
    await get(`${url}/metrics`)
    await delay(milliseconds)
  }
  await delay(IDLE_MILLISECONDS)
}

function memoryOf(pid: number): string {
  return `${mebibytes(privateMemory(pid))} private, ${mebibytes(residentMemory(pid).now)} resident`
}

/** In kB: what no other process can share. */
function privateMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Anonymous:\s+(\d+)/m.exec(rollup)?.[1])
}

function mebibytes(kibibytes: number): string {
  return `${(kibibytes / 1024).toFixed(1)} MiB`
}
