import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { Churn, clear, type Total } from '../churn/life.ts'
import { type Counter, Oracle, type Temporality } from '../churn/oracle.ts'
import { Receiver } from '../churn/receiver.ts'
import { type NamedContainer, startRuntime } from '../churn/runtime.ts'
import { type RunningAgent, startAgent } from '../support/agent.ts'
import { makeCgroup } from '../support/cgroups.ts'
import { get } from '../support/http.ts'
import { median } from '../support/median.ts'
import { mebibytes, residentMemory } from '../support/memory.ts'
import { isInstalled, MissingPeer } from '../support/packages.ts'
import { Dice } from '../support/random.ts'

/** `MINUTES=20` is the whole; a usual run is a sample. */
const MINUTES = Number(process.env.MINUTES ?? 2)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
/** The recorder's window is full by then: an hour's last quarter has no more memory than its second one. */
const HOUR = 60
const GROWTH = 1.05
/** Milliseconds between readings of the agents' memory. */
const MEMORY_EVERY = 5000
/** How often each receiver is ended, and for how long: at most, in ms. */
const KILL_EVERY = 30_000
const AWAY = 8000
/** Seconds until something is told, with receivers that are away now and then. */
const PATIENCE = 180
const PROGRAMS = ['churn-a', 'churn-b', 'churn-c', 'churn-d']
const SERVICES = ['one', 'two']
const CROWD = fileURLToPath(new URL('../churn/crowd.py', import.meta.url))
const PER_SECOND = 1e6
const LOOKS = 10

interface Side {
  readonly temporality: Temporality
  readonly oracle: Oracle
  readonly receiver: Receiver
  readonly agent: RunningAgent
  /** Resident memory in kB, every `MEMORY_EVERY`. */
  readonly memory: number[]
}

export const check: Check = {
  title:
    'containers, services, processes, threads and names that come, go and are made anew, against the data model and the kernel',

  async run({ scope, print }) {
    if (process.getuid?.() !== 0) throw new MissingPeer('cgroups can only be made by root')
    if (!isInstalled('python3')) throw new MissingPeer('python3 is not installed')
    print(`SEED=${SEED} MINUTES=${MINUTES}`)
    const dice = new Dice(SEED)
    const root = `otel-interrogator-churn-${process.pid}`
    makeCgroup(scope, `${root}/services`)
    scope.onEnd(() => clear(root))
    const known = new Map<string, NamedContainer>()
    const directory = scope.directory()
    const socket = join(directory, 'runtime.sock')
    await startRuntime(scope, socket, known)

    const sides: Side[] = []
    for (const temporality of ['cumulative', 'delta'] as const) {
      const oracle = new Oracle(temporality)
      const receiver = await Receiver.start(scope, (request) => oracle.add(request))
      const agent = await startAgent(scope, [
        '--exporters=prometheus,otlp',
        `--otlp.endpoint=${receiver.endpoint}`,
        `--otlp.temporality=${temporality}`,
        '--otlp.interval=1s',
        '--prometheus.naming=otel',
        '--prometheus.created=true',
        '--process-groups.remove-empty=true',
        '--process-groups.threads=true',
        `--recorder.enabled=${temporality === 'cumulative'}`,
        '--workloads.sources=cri',
        `--workloads.cri-socket=${socket}`,
        `--cgroups.include=${root}/services/*`,
      ])
      sides.push({ temporality, oracle, receiver, agent, memory: [] })
    }
    const stop = new AbortController()
    const received = async (counter?: Counter) => {
      const began = Date.now()
      const timeOf = ({ oracle }: Side) =>
        counter === undefined ? oracle.time : oracle.timeOf(counter)
      while (sides.some((side) => timeOf(side) < BigInt(began) * 1_000_000n)) {
        const seconds = (Date.now() - began) / 1000
        require(seconds < PATIENCE, `not told in ${seconds} s: ${JSON.stringify(counter)}`)
        await delay(50)
      }
    }
    // The agents have their first collection before anything that is counted here.
    await received()

    const churn = new Churn({ scope, dice, root, known, received })
    const work: Promise<unknown>[] = [
      churn.runContainers(stop.signal),
      churn.runContainers(stop.signal),
      ...SERVICES.map((name) => churn.runService(name, stop.signal)),
      churn.runHastyService('hasty', stop.signal),
      runPrograms(stop.signal),
    ]
    const crowd = scope.spawn('python3', [CROWD])
    const kills = sides.map(async ({ receiver }) => {
      let count = 0
      while (!stop.signal.aborted) {
        await delay(dice.integer(0, KILL_EVERY), undefined, { signal: stop.signal }).catch(() => {})
        if (stop.signal.aborted) break
        await receiver.kill(dice.integer(0, AWAY), dice.chance(0.5))
        count++
      }
      return count
    })
    const minute = setInterval(() => print(progress(sides, churn)), 60_000)
    const memory = setInterval(() => {
      for (const side of sides) side.memory.push(residentMemory(side.agent.pid).now)
    }, MEMORY_EVERY)
    scope.onEnd(() => {
      clearInterval(minute)
      clearInterval(memory)
    })
    const failed = Promise.all(work)
    await Promise.race([delay(MINUTES * 60_000, undefined, { ref: true }), failed])
    stop.abort()
    await Promise.all([failed, ...kills])
    crowd.kill('SIGKILL')
    await once(crowd, 'exit')
    const killed = (await Promise.all(kills)).reduce((sum, count) => sum + count, 0)
    await received()
    print(progress(sides, churn))
    for (const side of sides) print(await requireAnswered(side))
    for (const side of sides) print(requireFlat(side))

    for (const { oracle } of sides) {
      require(oracle.broken === 0, `${oracle.broken} broken:\n    ${oracle.errors.join('\n    ')}`)
    }
    const containers = compareAll(sides, 'container.cpu.time', 'container.id', churn.containers)
    const services = compareAll(sides, 'cgroup.cpu.time', 'cgroup.path', churn.services)
    require(containers > 0 && services > 0, 'nothing was compared')
    for (const [path, { total }] of churn.hasty) {
      for (const side of sides) {
        for (const mode of ['user', 'system'] as const) {
          const counted = microseconds(side, 'cgroup.cpu.time', { 'cgroup.path': path }, mode)
          require(counted <= total[mode], `${path}: ${counted} µs of ${total[mode]} (${mode})`)
        }
      }
    }
    const series = await compareWithPage(
      sides.find(({ temporality }) => temporality === 'delta') as Side,
    )
    const points = sides.reduce((sum, { oracle }) => sum + oracle.points, 0)
    const { total, lives } = churn.hasty.values().next().value ?? { total: undefined, lives: 0 }
    print(
      `${containers} totals of containers and ${services} of services are the kernel's to the microsecond; ` +
        `${series} sums of deltas are the counter's`,
    )
    print(
      `a service that is never at rest: ${lives} lives, ${(total?.user ?? 0) / PER_SECOND} s user by the kernel, ` +
        sides
          .map(
            ({ temporality, oracle }) =>
              `${oracle.total('cgroup.cpu.time', { 'cgroup.path': [...churn.hasty.keys()][0] ?? '', 'cpu.mode': 'user' })?.toFixed(6)} s ${temporality}`,
          )
          .join(', '),
    )
    return `${points} points, ${churn.lives} lives of cgroups, ${killed} ends of receivers: no invariant broken`

    /** Processes of a few names, so that groups come and go; some execute another program. */
    async function runPrograms(signal: AbortSignal): Promise<void> {
      const bin = join(directory, 'bin')
      mkdirSync(bin)
      for (const name of PROGRAMS) copyFileSync('/bin/sh', join(bin, name))
      const loop = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'
      while (!signal.aborted) {
        const [one, other] = [dice.pick(PROGRAMS), dice.pick(PROGRAMS)]
        const child = scope.spawn(join(bin, one), [
          '-c',
          `${loop}; sleep 0.${dice.integer(1, 9)}; exec ${join(bin, other)} -c '${loop}; sleep 1.${dice.integer(1, 9)}; :'`,
        ])
        await Promise.race([once(child, 'exit'), delay(dice.integer(100, 2000))])
      }
    }
  },
}

/** @throws Error when memory has grown in an hour. A shorter run has the recorder's window not yet full: it prints only. */
function requireFlat({ temporality, memory }: Side): string {
  const quarter = Math.floor(memory.length / 4)
  const quarters = [0, 1, 2, 3].map((index) =>
    median(memory.slice(index * quarter, (index + 1) * quarter)),
  ) as [number, number, number, number]
  const growth = quarters[3] / quarters[1]
  const said = `${temporality}: resident memory by quarters ${quarters.map(mebibytes).join(', ')}, at most ${mebibytes(Math.max(...memory))}`
  require(MINUTES < HOUR ||
    growth <= GROWTH, `${said}: grown by ${((growth - 1) * 100).toFixed(1)} %`)
  return said
}

function progress(sides: readonly Side[], { lives }: Churn): string {
  const said = sides.map(
    ({ temporality, memory, oracle: { points, requests, streams, broken } }) =>
      `${temporality}: ${points} points of ${streams} streams in ${requests} requests, ${broken} broken, ${mebibytes(memory.at(-1) ?? 0)}`,
  )
  return [
    `${lives} lives; ${said.join('; ')}`,
    ...sides.flatMap(({ oracle }) => oracle.errors),
  ].join('\n    ')
}

/** @throws Error when the agent has sent something again though it had the answer, by its own count. */
async function requireAnswered({ temporality, agent, oracle, receiver }: Side): Promise<string> {
  let lost = Number.POSITIVE_INFINITY
  let ends = ''
  // While no request is under way both have counted the same.
  for (let look = 0; look < LOOKS; look++) {
    const samples = parseSamples(await get(`${agent.url}/metrics`))
    const counts = samples.filter(({ name }) => name === 'otel_interrogator_export_requests_total')
    const ok = counts.find(({ labels }) => Object.values(labels).includes('OK'))?.value ?? 0
    lost = Math.min(lost, oracle.requests - ok)
    ends = counts.map(({ labels, value }) => `${value} ${Object.values(labels)}`).join(', ')
    await delay(dicedDelay(look))
  }
  const { repeats } = oracle
  require(repeats <=
    lost, `${temporality}: ${repeats} requests were said again, of ${lost} that were taken the agent has no answer`)
  return `${temporality}: requests ${ends}; ${repeats} were said again, their answers were lost, ${receiver.unanswered} were given up before they were taken`
}

/** Milliseconds between looks, so that they don't keep in step with the pushes. */
function dicedDelay(look: number): number {
  return 200 + 37 * look
}

/** How many totals are the kernel's on all sides. */
function compareAll(
  sides: readonly Side[],
  metric: string,
  key: string,
  totals: ReadonlyMap<string, Total>,
): number {
  let count = 0
  for (const [id, total] of totals) {
    for (const side of sides) {
      for (const mode of ['user', 'system'] as const) {
        const counted = microseconds(side, metric, { [key]: id }, mode)
        require(counted ===
          total[
            mode
          ], `${side.temporality}: ${id} used ${total[mode]} µs (${mode}), ${counted} µs are told`)
        count++
      }
    }
  }
  return count
}

function microseconds(
  { oracle }: Side,
  metric: string,
  attributes: Readonly<Record<string, string>>,
  mode: string,
): number {
  return Math.round((oracle.total(metric, { ...attributes, 'cpu.mode': mode }) ?? 0) * PER_SECOND)
}

/** Holds /metrics against the sums of all deltas since the start of each counter. */
async function compareWithPage({ agent, oracle }: Side): Promise<number> {
  const page = await get(`${agent.url}/metrics`, { accept: 'application/openmetrics-text' })
  const samples = parseSamples(page)
  const labels = (of: Readonly<Record<string, string>>) =>
    JSON.stringify(Object.entries(of).sort(([one], [other]) => (one < other ? -1 : 1)))
  const created = new Map<string, number>()
  let time = 0
  for (const sample of samples) {
    const { name, labels: own, value } = sample
    if (name.endsWith('_created'))
      created.set(name.slice(0, -'_created'.length) + labels(own), value)
    if (name === 'otel_interrogator_collector_timestamp_seconds') time = Math.max(time, value)
  }
  // The next push has the snapshot of the page.
  const nanoseconds = BigInt(Math.round(time * 1000)) * 1_000_000n
  while (oracle.time <= nanoseconds) await delay(50)
  let count = 0
  for (const { name, labels: own, value } of samples) {
    if (!/^procgroup_(?!thread).*_total$/.test(name)) continue
    const start = created.get(name.slice(0, -'_total'.length) + labels(own))
    require(start !== undefined, `${name} has no start`)
    const sum = oracle.sumOf(name, own, BigInt(Math.round(start * 1000)) * 1_000_000n, nanoseconds)
    if (sum === undefined) continue
    const isEqual = Math.abs(sum - value) <= 1e-9 * Math.max(1, value)
    require(isEqual, `${name}${labels(own)}: ${value} on /metrics, ${sum} in deltas`)
    count++
  }
  require(count > 10, `only ${count} counters were compared`)
  return count
}
