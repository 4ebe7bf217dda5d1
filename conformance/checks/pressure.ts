import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import {
  attributesOf,
  pointsOf,
  type Receiver,
  startReceiver,
} from '../../test/support/receiver.ts'
import { type Check, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { CGROUP2, intoCgroup, makeCgroup } from '../support/cgroups.ts'
import type { Scope } from '../support/children.ts'
import { get } from '../support/http.ts'
import { MissingPeer, needPackage } from '../support/packages.ts'
import { lintWithPromtool } from '../support/promtool.ts'

const SECONDS = 5
const RESOURCES = ['cpu', 'memory', 'io'] as const
const TYPES = ['some', 'full'] as const

/** A cgroup of the check's own, and how the metrics tell it from others. */
interface Target {
  readonly directory: string
  readonly level: 'container' | 'pod'
  readonly id: string
}

export const check: Check = {
  title: "pressure of containers and pods is what the kernel's own files say, on both outputs",

  async run({ scope, print }) {
    if (process.getuid?.() !== 0) throw new MissingPeer('only root can make cgroups')
    if (!existsSync(join(CGROUP2, 'cpu.pressure'))) {
      throw new MissingPeer('this kernel gives no pressure of cgroups')
    }
    const receiver = await startReceiver()
    scope.onEnd(() => receiver.close())
    const busy = makePod(scope, 2)
    const idle = makePod(scope, 1)
    // Two containers of one pod want the same CPU, and write through to the storage.
    for (const container of busy.slice(1)) {
      startIn(scope, container, 'while :; do :; done')
      const file = join(scope.directory(), 'data')
      startIn(
        scope,
        container,
        `while :; do dd if=/dev/zero of=${file} bs=64k count=8 conv=fsync; done`,
      )
    }
    for (const container of idle.slice(1)) startIn(scope, container, 'sleep 100000')
    const squeezed = makePod(scope, 1)
    const isSqueezed = await squeeze(scope, squeezed[1])
    if (!isSqueezed) print('no memory controller here: nothing waits for memory')
    const targets = [...busy, ...idle, ...squeezed]
    const { url } = await startAgent(scope, [
      '--prometheus.naming=classic,otel,cadvisor',
      '--collection.max-age=0',
      '--exporters=prometheus,otlp',
      `--otlp.endpoint=${receiver.endpoint}`,
      '--otlp.interval=500ms',
    ])
    const first = await compareScrape(url, targets)
    await delay(SECONDS * 1000)
    const second = await compareScrape(url, targets)
    print(
      `${first.length} totals of ${targets.length} cgroups lie between two readings of the files`,
    )

    const rise = (target: Target, resource: (typeof RESOURCES)[number] = 'cpu') => {
      const key = `${target.id} ${resource} some`
      const of = (values: readonly Value[]) => values.find((value) => value.key === key)?.value ?? 0
      return of(second) - of(first)
    }
    for (const target of busy) require(rise(target) > 0.2, `${target.id} did not wait for its CPU`)
    for (const target of idle) require(rise(target) < 0.05, `${target.id} waited, but did nothing`)
    print(
      `in ${SECONDS} s the busy pod waited ${rise(busy[0]).toFixed(2)} s, the idle one ${rise(idle[0]).toFixed(3)} s`,
    )

    if (isSqueezed) {
      const [waited, others] = [rise(squeezed[1], 'memory'), rise(idle[1], 'memory')]
      require(waited > 0, 'who has too little memory did not wait for it')
      require(others === 0, 'who does nothing waited for memory')
      print(`the container that has too little memory waited ${waited.toFixed(3)} s for it`)
    }

    const compared = await comparePush(receiver, targets)
    print(await lintWithPromtool(await get(`${url}/metrics`)))
    const text = await get(`${url}/psi`)
    require(/^\S/.test(text.split('\n')[1] ?? ''), '/psi has no rows')
    return `${first.length + second.length} totals on /metrics and ${compared} in OTLP are the kernel's`
  },
}

interface Value {
  readonly key: string
  /** Seconds. */
  readonly value: number
}

/** A pod with containers, in the kubelet's form; the pod first. */
function makePod(scope: Scope, containers: number): Target[] {
  const uid = randomUUID()
  const path = `kubepods/burstable/pod${uid}`
  const targets: Target[] = [{ directory: makeCgroup(scope, path), level: 'pod', id: uid }]
  for (let index = 0; index < containers; index++) {
    const id = randomBytes(32).toString('hex')
    targets.push({ directory: makeCgroup(scope, `${path}/${id}`), level: 'container', id })
  }
  return targets
}

/** Runs a script in a cgroup, on the first CPU. */
function startIn(scope: Scope, { directory }: Target, script: string): void {
  const { pid } = scope.spawn('taskset', ['-c', '0', 'sh', '-c', script])
  intoCgroup(scope, pid as number, directory.slice(CGROUP2.length + 1))
}

/** Lets a container work on more than its memory, by whichever controller there is. @returns whether there is one. */
async function squeeze(scope: Scope, target: Target): Promise<boolean> {
  const older = '/sys/fs/cgroup/memory'
  const path = target.directory.slice(CGROUP2.length)
  const script = (join: string) =>
    `${join} exec stress-ng --mmap 1 --mmap-bytes 200m --mmap-file --temp-path ${scope.directory()}`
  await needPackage('stress-ng', 'stress-ng')
  if (existsSync(join(older, 'memory.limit_in_bytes'))) {
    const directory = makeCgroup(scope, path, older)
    writeFileSync(join(directory, 'memory.limit_in_bytes'), LITTLE_MEMORY)
    startIn(scope, target, script(`echo $$ > ${directory}/cgroup.procs;`))
  } else if (existsSync(join(target.directory, 'memory.max'))) {
    writeFileSync(join(target.directory, 'memory.max'), LITTLE_MEMORY)
    startIn(scope, target, script(''))
  } else {
    return false
  }
  return true
}

const LITTLE_MEMORY = '64M'

/** Holds every total of a scrape against the files, read before and after. */
async function compareScrape(url: string, targets: readonly Target[]): Promise<Value[]> {
  const before = new Map(targets.flatMap(kernelTotals).map(({ key, value }) => [key, value]))
  // The first may share a collection that a push had begun before.
  await get(`${url}/metrics`)
  const samples = parseSamples(await get(`${url}/metrics`))
  const after = targets.flatMap(kernelTotals)
  return after.map(({ key, value: most }) => {
    const value = totalOf(samples, key, targets)
    const least = before.get(key) ?? 0
    require(value !== undefined, `${key} is not on /metrics`)
    require(least <= value && value <= most, `${key} is ${value}, not in ${least}…${most}`)
    return { key, value }
  })
}

/** Holds a push against the files: it is from the past, so it can only be less. */
async function comparePush(receiver: Receiver, targets: readonly Target[]): Promise<number> {
  const before = new Map(targets.flatMap(kernelTotals).map(({ key, value }) => [key, value]))
  const { length } = receiver.requests
  // The one under way may be older than the first reading.
  await receiver.received(length + 2)
  const after = targets.flatMap(kernelTotals)
  const points = pointsOf(receiver.requests.slice(length + 1))
  for (const { key, value: most } of after) {
    const [id, resource, type] = key.split(' ')
    const target = targets.find((candidate) => candidate.id === id)
    const name = `${target?.level === 'pod' ? 'k8s.pod' : 'container'}.${resource}.pressure.time`
    const found = points.find(({ metric, point }) => {
      const attributes = attributesOf(point)
      const isWanted = metric.name === name && attributes['psi.type'] === type
      return isWanted && Object.values(attributes).includes(id)
    })
    const value = found?.point.asDouble
    require(value !== undefined, `${key} is not in OTLP`)
    const least = before.get(key) ?? 0
    require(least <= value && value <= most, `${key} is ${value} in OTLP, not in ${least}…${most}`)
  }
  return after.length
}

/** What the files of a cgroup say. */
function kernelTotals({ directory, id }: Target): Value[] {
  return RESOURCES.flatMap((resource) => {
    const text = readFileSync(join(directory, `${resource}.pressure`), 'utf8')
    return TYPES.flatMap((type) => {
      const total = new RegExp(`^${type} .*total=(\\d+)$`, 'm').exec(text)?.[1]
      return total === undefined
        ? []
        : { key: `${id} ${resource} ${type}`, value: Number(total) / 1e6 }
    })
  })
}

/** The total of a scrape in seconds, by OpenTelemetry's name; where there is a classic one it must be the same. */
function totalOf(
  samples: readonly Sample[],
  key: string,
  targets: readonly Target[],
): number | undefined {
  const [id, resource, type] = key.split(' ')
  const target = targets.find((candidate) => candidate.id === id)
  const root = target?.level === 'pod' ? 'k8s_pod' : 'container'
  const find = (name: string, labels: Record<string, string>) =>
    samples.find(
      (sample) =>
        sample.name === name &&
        Object.values(sample.labels).includes(id) &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value
  const total = find(`${root}_${resource}_pressure_time_seconds_total`, { psi_type: type })
  const short = resource === 'memory' ? 'mem' : resource
  const classic = find(`cgroup_monitor_sc_monitored_${short}_psi`, { type, window: 'total' })
  if (classic !== undefined && total !== undefined) {
    require(Math.abs(classic / 1e6 - total) < 1e-6, `${key} has two values`)
  }
  return total
}
