/** Pressure and usage of real cgroups, in all vocabularies. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { emptyResource } from '@opentelemetry/resources'
import test, { type ExecutionContext } from 'ava'
import { type CgroupsOptions, registerCgroups } from '../../../src/collectors/cgroups/collector.ts'
import { compileInclude, select } from '../../../src/entities/cgroup-selection.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { SAMPLED_FIGURES } from '../../../src/recorder/figures.ts'
import { type UsageSource, UsageSources } from '../../../src/recorder/usage.ts'
import { now } from '../../../src/telemetry/clock.ts'
import type { Naming } from '../../../src/telemetry/definitions.ts'
import { ObservableMeter } from '../../../src/telemetry/meter.ts'
import { NameTranslation } from '../../../src/telemetry/name-translation.ts'
import { PrometheusSerializer } from '../../../src/telemetry/prometheus/serializer.ts'
import { TimeSlice } from '../../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../../src/workloads/name-resolver.ts'
import { Workloads } from '../../../src/workloads/workloads.ts'
import { CGROUP2, makeCgroup, noCgroups, spawnInCgroup } from '../../support/cgroup2.ts'
import { parseSamples } from '../../support/exposition.ts'
import { TestSource, testContainer, testPod } from '../../support/name-source.ts'
import { skip } from '../../support/skip.ts'

const UID = '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const ID = 'c'.repeat(64)

async function collector(
  root: string,
  include: string[] = [],
  triggers: CgroupsOptions['triggers'] = [],
) {
  const source = new TestSource()
  const resolver = new NameResolver({ sources: [source] })
  source.containers = [testContainer(ID, 'main', testPod('web-1', { uid: UID, namespace: 'shop' }))]
  source.pods = source.containers.flatMap(({ pod }) => pod ?? [])
  await resolver.refresh()
  const meter = new ObservableMeter({ name: 'cgroups' }, now())
  const said: string[] = []
  const usage = new UsageSources()
  const close = registerCgroups(
    meter,
    { root, include, depth: 10, max: 10_000, open_files: 100, triggers },
    {
      procfs: new Procfs(),
      system: { pageSize: 4096, ticksPerSecond: 100 },
      slice: new TimeSlice(),
      workloads: new Workloads(resolver, undefined),
      usage,
      notify: (message) => said.push(message),
    },
  )
  const translation = new NameTranslation()
  const serializer = new PrometheusSerializer({ target_info: false, scope_labels: false })
  const samples = async (...namings: Naming[]) => {
    const { scopeMetrics, errors } = await meter.collect(now())
    if (errors.length > 0) throw errors[0]
    const text = serializer.serialize({
      resource: emptyResource(),
      scopeMetrics: translation.translate([scopeMetrics], namings),
    })
    return parseSamples(text)
  }
  return { samples, said, usage: usage.source as UsageSource, close }
}

/** A pod with one container that does something. */
async function pod(t: ExecutionContext, id = ID): Promise<string> {
  const path = makeCgroup(t, `pod${UID}`, `pod${UID}/${id}`)
  await spawnInCgroup(t, `${path}/pod${UID}/${id}`, 'sh', ['-c', 'while :; do :; done'])
  return path
}

/** An id that no other run of this test has at the same time. */
function newId(): string {
  return randomBytes(32).toString('hex')
}

/** Values of a sample by the id of the container; of others by what they are. */
async function sampleBy(usage: UsageSource): Promise<Map<string, number[]>> {
  const sampled = await usage.sample(now())
  return new Map(
    sampled.map(({ kind, entity, values }) => [
      kind === 'container' ? String(entity.attributes['container.id']) : kind,
      [...values],
    ]),
  )
}

test.serial(
  'a sample has what changes by the second, of a container that is new, too',
  async (t) => {
    const reason = noCgroups()
    if (reason !== undefined) return skip(t, reason)
    const id = newId()
    const { usage, close } = await collector(CGROUP2 as string)
    t.teardown(close)
    t.false((await sampleBy(usage)).has(id))
    await pod(t, id)
    await delay(100)
    const first = (await sampleBy(usage)).get(id)
    await delay(300)
    const second = (await sampleBy(usage)).get(id)
    for (const name of ['cpu', 'cpuSome', 'cpuFull', 'memorySome', 'ioFull'] as const) {
      const place = SAMPLED_FIGURES.indexOf(name)
      t.true((second?.[place] as number) >= (first?.[place] as number), name)
    }
    t.true((second?.[0] as number) > (first?.[0] as number))
  },
)

test.serial('what a sample does not read has not moved', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const ids = [newId(), newId(), newId(), newId()]
  const places = ids.map((id, index) => `pod${UID.slice(0, -1)}${index >> 1}/${id}`)
  const path = makeCgroup(t, ...new Set(places.map((place) => dirname(place))), ...places)
  const { usage, close } = await collector(CGROUP2 as string)
  t.teardown(close)
  await sampleBy(usage)
  await spawnInCgroup(t, `${path}/${places[0]}`, 'sh', ['-c', 'while :; do :; done'])
  await spawnInCgroup(t, `${path}/${places[2]}`, 'bash', [
    '-c',
    'exec 3<> <(:); while :; do read -t 0.2 -u 3; done',
  ])
  const usec = (place: string) =>
    Number(readFileSync(join(CGROUP2 as string, path, place, 'cpu.stat'), 'utf8').split(/\s/)[1])
  const stalls = (place: string, resource: string) =>
    [
      ...readFileSync(
        join(CGROUP2 as string, path, place, `${resource}.pressure`),
        'utf8',
      ).matchAll(/total=(\d+)/g),
    ].map(([, total]) => Number(total))
  for (let round = 0; round < 8; round++) {
    const before = places.map(usec)
    const sample = await sampleBy(usage)
    const after = places.map(usec)
    for (const [index, id] of ids.entries()) {
      const values = sample.get(id) as number[]
      const cpu = Math.round(values[0] * 1e6)
      t.true(before[index] <= cpu && cpu <= after[index], `${before[index]} ${cpu} ${after[index]}`)
      for (const [place, resource] of [
        [SAMPLED_FIGURES.indexOf('cpuSome'), 'cpu'],
        [SAMPLED_FIGURES.indexOf('memorySome'), 'memory'],
        [SAMPLED_FIGURES.indexOf('ioSome'), 'io'],
      ] as const) {
        const [some, full] = stalls(places[index], resource)
        t.true(Math.round(values[place] * 1e6) <= some, `${resource} some`)
        t.true(Math.round(values[place + 1] * 1e6) <= full, `${resource} full`)
      }
    }
    await delay(120)
  }
  const quiet = (await sampleBy(usage)).get(ids[1]) as number[]
  t.is(Math.round(quiet[0] * 1e6), usec(places[1]))
})

test.serial(
  'a container in the place of another one is noticed, and one that has gone is left out',
  async (t) => {
    const reason = noCgroups()
    if (reason !== undefined) return skip(t, reason)
    const [one, other] = [newId(), newId()]
    const path = makeCgroup(t, `pod${UID}`)
    const directory = (id: string) => join(CGROUP2 as string, path, `pod${UID}`, id)
    mkdirSync(directory(one))
    t.teardown(() => rmdirSync(directory(other)))
    const { usage, close } = await collector(CGROUP2 as string)
    t.teardown(close)
    t.true((await sampleBy(usage)).has(one))
    rmdirSync(directory(one))
    mkdirSync(directory(other))
    // Idle cgroups whose number stays the same: the tree is walked every five samples.
    let samples = 0
    while (!(await sampleBy(usage)).has(other)) t.true(++samples < 5)
    t.false((await sampleBy(usage)).has(one))
  },
)

test.serial(
  'a look gives the CPU time of containers that use a CPU, and what it was before',
  async (t) => {
    const reason = noCgroups()
    if (reason !== undefined) return skip(t, reason)
    const ids = [newId(), newId()] as const
    const places = ids.map((id, index) => `pod${UID.slice(0, -1)}${index}/${id}`)
    const path = makeCgroup(t, ...places.map((place) => dirname(place)), ...places)
    const { usage, close } = await collector(CGROUP2 as string)
    t.teardown(close)
    const look = async (at: number) => {
      const taken: [string, number, number][] = []
      await usage.look(at, ({ entity }, when, cpu) =>
        taken.push([String(entity.attributes['container.id']), when, cpu]),
      )
      return taken.filter(([id]) => (ids as readonly string[]).includes(id))
    }
    await usage.sample(now())
    t.deepEqual(await look(1), [])
    await spawnInCgroup(t, `${path}/${places[0]}`, 'sh', ['-c', 'while :; do :; done'])
    let taken: Awaited<ReturnType<typeof look>> = []
    for (let at = 2; taken.length === 0; at++) {
      await delay(20)
      taken = await look(at)
    }
    t.deepEqual(new Set(taken.map(([id]) => id)), new Set([ids[0]]))
    const [[, then, before], [, when, cpu]] = taken
    t.is(when - then, 1)
    t.true(cpu - before >= 0.02)
  },
)

test.serial(
  'among many pods a look finds the one that begins to use a CPU beside one that goes on',
  async (t) => {
    const reason = noCgroups()
    if (reason !== undefined) return skip(t, reason)
    const ids = Array.from({ length: 12 }, newId)
    const places = ids.map((id, index) => `pod${UID.slice(0, -2)}a${index.toString(16)}/${id}`)
    const path = makeCgroup(t, ...places.map((place) => dirname(place)), ...places)
    const { usage, close } = await collector(CGROUP2 as string)
    t.teardown(close)
    const loop = (index: number) =>
      spawnInCgroup(t, `${path}/${places[index]}`, 'sh', ['-c', 'while :; do :; done'])
    let at = 1
    const looked = new Map<string, number>()
    const untilFound = async (index: number) => {
      while (!looked.has(ids[index])) {
        await delay(20)
        await usage.look(at++, ({ entity }, _when, cpu) =>
          looked.set(String(entity.attributes['container.id']), cpu),
        )
      }
    }
    await loop(3)
    for (let sample = 0; sample < 3; sample++) {
      await usage.sample(now())
      await delay(300)
    }
    await untilFound(3)
    const first = looked.get(ids[3]) as number
    await loop(7)
    await untilFound(7)
    looked.delete(ids[3])
    await untilFound(3)
    t.true((looked.get(ids[3]) as number) > first)
    const found = ids.flatMap((id, index) => (looked.has(id) ? [index] : []))
    t.deepEqual(found, [3, 7])
  },
)

test.serial('containers and pods, by their names, in each vocabulary', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const path = await pod(t)
  const { samples } = await collector(CGROUP2 as string)
  const usage = () => {
    const stat = readFileSync(join(CGROUP2 as string, path, `pod${UID}/${ID}`, 'cpu.stat'), 'utf8')
    return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1e6
  }
  while (usage() === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  const least = usage()
  const all = await samples('otel', 'classic', 'cadvisor')
  const most = usage()
  const find = (name: string, labels: Record<string, string>) =>
    all.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
  const otel = { k8s_pod_name: 'web-1', k8s_namespace_name: 'shop' }
  const cadvisor = { pod: 'web-1', namespace: 'shop' }
  const [used] = find('container_cpu_usage_seconds_total', { ...cadvisor, container: 'main' })
  t.true(used.value >= least && used.value <= most)
  t.deepEqual(used.labels, { ...cadvisor, container: 'main', cpu: 'total', name: ID })
  // cAdvisor gives the pod itself under the same name, without a container.
  t.is(find('container_cpu_usage_seconds_total', cadvisor).length, 2)
  t.is(find('k8s_pod_cpu_time_seconds_total', { ...otel, cpu_mode: 'user' }).length, 1)
  t.is(find('container_cpu_time_seconds_total', { ...otel, k8s_container_name: 'main' }).length, 2)
  const windows = find('cgroup_monitor_sc_monitored_mem_psi', {
    container_name: 'main',
    pod_name: 'web-1',
    namespace: 'shop',
  }).map(({ labels }) => `${labels.type} ${labels.window}`)
  t.deepEqual(
    windows.sort(),
    ['full', 'some'].flatMap((type) => ['10s', '300s', '60s', 'total'].map((w) => `${type} ${w}`)),
  )
  const waited = find('container_pressure_cpu_waiting_seconds_total', { container: 'main' })
  t.is(waited.length, 1)
})

test.serial('a file that is not there has no series, and is said to be missing', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  await pod(t)
  const { samples } = await collector(CGROUP2 as string)
  for (const all of [await samples('otel'), await samples('otel')]) {
    const missing = all.filter(({ name }) => name === 'cgroup_file_missing')
    const count = all.find(({ name }) => name === 'cgroup_collection_cgroups')?.value ?? 0
    t.true(count >= 2)
    t.true(missing.every(({ value }) => value > 0 && value <= count))
    const files = new Set(missing.map(({ labels }) => labels.cgroup_file))
    const hasIrq = all.some(
      ({ name }) => name.includes('irq_pressure_time') && name.startsWith('container'),
    )
    t.not(hasIrq, files.has('irq.pressure'))
  }
})

test.serial('a cgroup that goes takes its series along', async (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const path = makeCgroup(t)
  const { samples } = await collector(CGROUP2 as string, [`${path.slice(1)}/*`])
  const directory = join(CGROUP2 as string, path, 'own')
  const isThere = async () =>
    (await samples('otel')).some(({ labels }) => labels.cgroup_path === `${path}/own`)
  t.false(await isThere())
  mkdirSync(directory)
  t.true(await isThere())
  rmdirSync(directory)
  t.false(await isThere())
})

test.serial(
  'on a node with cgroup v1 only usage comes from its controllers, and one line says what is missing',
  async (t) => {
    const root = '/sys/fs/cgroup/memory'
    if (process.getuid?.() !== 0 || !existsSync(`${root}/memory.usage_in_bytes`)) {
      return skip(t, 'needs root and a memory controller of cgroup v1')
    }
    const pod = `${root}/otel-interrogator-test-${process.pid}/pod${UID}`
    mkdirSync(`${pod}/${ID}`, { recursive: true })
    t.teardown(() => {
      for (const path of [`${pod}/${ID}`, pod, join(pod, '..')]) rmdirSync(path)
    })
    const { samples, said } = await collector(root)
    await samples('otel')
    const all = await samples('otel')
    const names = new Set(
      all.filter(({ labels }) => labels.container_id === ID).map(({ name }) => name),
    )
    t.true(names.has('container_memory_usage_bytes'))
    t.true(names.has('container_memory_working_set_bytes'))
    t.false([...names].some((name) => name.includes('pressure') || name.includes('cpu')))
    t.is(said.length, 1)
    t.regex(said[0], /cgroup v2 .*psi=1/)
  },
)

test('a tree that is not there is an error of the collection', async (t) => {
  const { samples } = await collector('/nonexistent')
  await t.throwsAsync(() => samples('otel'), { code: 'ENOENT' })
})

test.serial(
  'stalls that a trigger finds are counted, of the containers that it names',
  async (t) => {
    const reason = noCgroups()
    if (reason !== undefined) return skip(t, reason)
    const path = await pod(t)
    const container = `${path}/pod${UID}/${ID}`
    // Three want one CPU.
    for (let count = 0; count < 3; count++) {
      await spawnInCgroup(t, container, 'taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'])
    }
    const trigger = { resource: 'cpu', type: 'some', stall: 100, window: 2000 } as const
    const { samples } = await collector(
      CGROUP2 as string,
      [],
      [
        { ...trigger, namespace: 'sh?p', pod: 'web-*', container: 'main' },
        { ...trigger, pod: 'other-*' },
        { ...trigger, window: 2100 },
      ],
    )
    for (;;) {
      const all = await samples('otel')
      const events = all.filter(({ name }) => name === 'container_pressure_events_total')
      const found = events.find(({ labels }) => labels.psi_window === '2000ms')
      if (found === undefined || found.value === 0) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        continue
      }
      t.like(found.labels, { k8s_pod_name: 'web-1', psi_resource: 'cpu', psi_stall: '100ms' })
      // Without CAP_SYS_RESOURCE the kernel refuses a window that is no multiple of two seconds.
      const errors = all.filter(({ labels }) => labels.cgroup_file === 'cpu.pressure trigger')
      t.is(events.length + errors.length, 2)
      return
    }
  },
)

const SELECTIONS: [path: string, level: string | undefined][] = [
  ['', undefined],
  ['/system.slice', 'cgroup'],
  ['/system.slice/sshd.service', 'cgroup'],
  ['/user.slice/user-1000.slice', undefined],
  ['/kubepods', 'cgroup'],
  ['/kubepods/burstable', 'cgroup'],
  ['/kubepods.slice/kubepods-besteffort.slice', 'cgroup'],
  [`/kubepods/burstable/pod${UID}`, 'pod'],
  [`/kubepods/burstable/pod${UID}/${ID}`, 'container'],
  [`/kubepods/burstable/pod${UID}/${ID}/deeper`, undefined],
  [`/kubepods/burstable/pod${UID}/crio-conmon-${ID}`, undefined],
  [`/system.slice/docker-${ID}.scope`, 'container'],
]

for (const [path, level] of SELECTIONS) {
  test(`${path || 'the root'} is measured as ${level ?? 'nothing'}`, (t) => {
    for (const pattern of ['system.slice/*', '/system.slice/*']) {
      t.is(select(path, compileInclude([pattern]))?.level, level as never)
    }
  })
}
