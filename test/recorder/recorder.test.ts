import test from 'ava'
import { COLLECTORS } from '../../src/collectors/registry.ts'
import type { NodeUsage } from '../../src/kernel/procfs/node-usage.ts'
import type { RecordedEntity } from '../../src/recorder/entity.ts'
import { EXTRAS, type FigureName, KIND_FIGURES } from '../../src/recorder/figures.ts'
import { Recorder, type RecorderOptions } from '../../src/recorder/recorder.ts'
import type { MetricDefinition } from '../../src/telemetry/definitions.ts'
import { type Reading, sampleOf, snapshotOf } from '../support/snapshots.ts'

const T = 1_800_000_000
const MIB = 1024 ** 2

function recorder(options: Partial<RecorderOptions> = {}): Recorder {
  return new Recorder({
    interval: 1000,
    window: 60_000,
    max_memory: 16 * MIB,
    cpus: 4,
    memory: 8 * 1024 * MIB,
    hasSamples: false,
    ...options,
  })
}

/** Attributes objects live as long as what they are about, as those of collectors do. */
const known = new Map<string, Record<string, string>>()
function attributes(own: Record<string, string>): Record<string, string> {
  const key = JSON.stringify(own)
  const found = known.get(key) ?? own
  known.set(key, found)
  return found
}

const group = (name: string, cpu: number, memory = 1): Reading[] => [
  ['procgroup.cpu.time', attributes({ 'procgroup.name': name, 'cpu.mode': 'user' }), cpu],
  ['procgroup.cpu.time', attributes({ 'procgroup.name': name, 'cpu.mode': 'system' }), 0],
  ['procgroup.memory.usage', attributes({ 'procgroup.name': name }), memory],
]
const container = (id: string, cpu: number, others: Record<string, string> = {}): Reading => [
  'container.cpu.usage.time',
  attributes({ 'container.id': id, ...others }),
  cpu,
]

const nodeUsage = (cpu: number): NodeUsage => ({
  ...{ cpu, memory: 5, read: 0, write: 0, faults: 0 },
  switches: cpu * 10,
})

/** Numbers from 0 to 1 that look random; the same for a seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
}

function find(recorder: Recorder, key: string): RecordedEntity {
  const entity = [...recorder.entities()].find((each) => each.key === key)
  if (entity === undefined) throw new Error(`no ${key}`)
  return entity
}
const groupKey = (name: string) => `group:{"procgroup.name":"${name}"}`

/** What is recorded of an entity from one tick to another, seconds after T. */
function past(
  recorder: Recorder,
  entity: RecordedEntity,
  figure: FigureName,
  from: number,
  to: number,
) {
  const place = entity.layout.places.get(figure) as number
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const value = entity.series?.get(place, recorder.tickOf(T + from + index)) ?? Number.NaN
    return Number.isNaN(value) ? undefined : Math.round(value * 1000) / 1000
  })
}

test('counters become rates over the time between two snapshots, for every tick of it', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, group('a', 100)))
  one.record(snapshotOf(T + 1, group('a', 100.5, 2)))
  one.record(snapshotOf(T + 4, group('a', 103.5, 3)))
  const a = find(one, groupKey('a'))
  t.deepEqual(past(one, a, 'cpu', 0, 5), [undefined, 0.5, 1, 1, 1, undefined])
  t.deepEqual(past(one, a, 'memory', 0, 4), [1, 2, 3, 3, 3])
})

test('two snapshots within a tick leave one value', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, group('a', 100)))
  one.record(snapshotOf(T + 1, group('a', 101)))
  one.record(snapshotOf(T + 1.2, group('a', 101.9)))
  one.record(snapshotOf(T + 2, group('a', 102)))
  t.deepEqual(past(one, find(one, groupKey('a')), 'cpu', 1, 2), [1, 1])
})

test('what was not there a moment ago began at zero; what only seems new has no rate', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, group('a', 100)))
  one.record(snapshotOf(T + 1, [...group('a', 100), ...group('new', 1.5), ...group('found', 5000)]))
  one.record(snapshotOf(T + 2, [...group('a', 100), ...group('new', 1.5), ...group('found', 5001)]))
  t.deepEqual(past(one, find(one, groupKey('new')), 'cpu', 1, 2), [1.5, 0])
  t.deepEqual(past(one, find(one, groupKey('found')), 'cpu', 1, 2), [undefined, 1])
})

test('a counter that falls is no negative rate', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, group('a', 100)))
  one.record(snapshotOf(T + 1, group('a', 3)))
  one.record(snapshotOf(T + 2, group('a', 4)))
  t.deepEqual(past(one, find(one, groupKey('a')), 'cpu', 1, 2), [0, 1])
})

test('devices and directions are told apart or added up', (t) => {
  const one = recorder()
  const io = (device: string, direction: string, value: number): Reading => [
    'container.disk.io',
    attributes({ 'container.id': 'c', 'system.device': device, 'disk.io.direction': direction }),
    value,
  ]
  one.record(snapshotOf(T, [io('sda', 'read', 0), io('sdb', 'read', 0), io('sda', 'write', 0)]))
  one.record(snapshotOf(T + 1, [io('sda', 'read', 5), io('sdb', 'read', 6), io('sda', 'write', 7)]))
  const c = find(one, 'container:c')
  t.deepEqual(past(one, c, 'read', 1, 1), [11])
  t.deepEqual(past(one, c, 'write', 1, 1), [7])
})

test('a name that becomes known does not make another entity', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, [container('c', 1)]))
  one.record(snapshotOf(T + 1, [container('c', 2, { 'k8s.pod.name': 'cart', 'k8s.pod.uid': 'u' })]))
  one.record(snapshotOf(T + 2, [container('c', 3, { 'k8s.pod.name': 'cart', 'k8s.pod.uid': 'u' })]))
  const c = find(one, 'container:c')
  t.deepEqual(past(one, c, 'cpu', 1, 2), [1, 1])
  t.is(c.attributes['k8s.pod.name'], 'cart')
  t.is(c.described, 2)
})

test('who ends keeps the past until it leaves the window, and is forgotten then', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, [container('a', 0), container('b', 0)]))
  one.record(snapshotOf(T + 1, [container('a', 1), container('b', 1)]))
  const b = find(one, 'container:b')
  for (let second = 2; second <= 60; second++)
    one.record(snapshotOf(T + second, [container('a', second)]))
  t.true(b.hasEnded)
  t.deepEqual(past(one, b, 'cpu', 1, 2), [1, undefined])
  t.deepEqual(
    one.events.of(b.id).map(({ type, at }) => [type, at - T]),
    [['end', 2]],
  )
  const { revision } = one
  one.record(snapshotOf(T + 62, [container('a', 62)]))
  t.is(one.get(b.id), undefined)
  t.deepEqual(one.forgottenSince(revision), [b.id])
  t.deepEqual(one.forgottenSince(one.revision), [])
})

test('a collector that fails for once ends nothing', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, [...group('a', 1), container('c', 0)]))
  one.record(snapshotOf(T + 1, [container('c', 1)]))
  one.record(snapshotOf(T + 2, [...group('a', 3), container('c', 2)]))
  t.false(find(one, groupKey('a')).hasEnded)
  t.deepEqual(past(one, find(one, groupKey('a')), 'cpu', 1, 2), [1, 1])
})

test('exits and restarts of a group are events, and so is a group that comes', (t) => {
  const one = recorder()
  const life = (name: string, exits: number, restarts: number): Reading[] => [
    ...group(name, 0),
    ['procgroup.process.exits', attributes({ 'procgroup.name': name }), exits],
    ['procgroup.restarts', attributes({ 'procgroup.name': name }), restarts],
  ]
  one.record(snapshotOf(T, life('a', 7, 0)))
  one.record(snapshotOf(T + 1, [...life('a', 9, 1), ...life('b', 0, 0)]))
  t.deepEqual(
    one.events.of(find(one, groupKey('a')).id).map(({ type, count }) => [type, count]),
    [
      ['exit', 2],
      ['restart', 1],
    ],
  )
  t.deepEqual(
    one.events.of(find(one, groupKey('b')).id).map(({ type }) => type),
    ['start'],
  )
})

test('memory is bounded: the largest have a past of their own, the others one together, and nothing is lost', (t) => {
  const maxMemory = 512 * 1024
  const one = recorder({ max_memory: maxMemory })
  const names = Array.from({ length: 200 }, (_, index) => `g${index}`)
  const all = (second: number) =>
    snapshotOf(
      T + second,
      // Who is the largest changes on the way.
      names.flatMap((name, index) =>
        group(name, second * (((index + second) % 200) / 1000) * 0.01),
      ),
    )
  const sums = new Map<number, number>()
  let before: number[] | undefined
  for (let second = 0; second <= 30; second++) {
    const now = names.map((_, index) => second * (((index + second) % 200) / 1000) * 0.01)
    if (before !== undefined) {
      const then = before
      sums.set(
        second,
        now.reduce((sum, value, index) => sum + Math.max(0, value - then[index]), 0),
      )
    }
    before = now
    one.record(all(second))
  }
  const entities = [...one.entities()].filter(({ kind }) => kind === 'group')
  const others = entities.find((entity) => one.isOthers(entity)) as RecordedEntity
  const own = entities.filter((entity) => entity.series !== undefined)
  t.true(own.length > 10 && own.length < 200)
  // The others' past comes above what is promised: there is one for each kind at most.
  t.true(one.bytes <= maxMemory + 8192, String(one.bytes))
  t.not(others, undefined)
  for (const [second, expected] of sums) {
    const found = own.reduce((sum, entity) => {
      const value = entity.series?.get(0, one.tickOf(T + second)) ?? Number.NaN
      return sum + (Number.isNaN(value) ? 0 : value)
    }, 0)
    t.true(Math.abs(found - expected) < 1e-5, `second ${second}: ${found}, not ${expected}`)
  }
})

test('a large entity that comes late takes the place of a small one', (t) => {
  const one = recorder({ max_memory: 80 * 1024 })
  const small = Array.from({ length: 30 }, (_, index) => `s${index}`)
  const at = (second: number, more: Reading[] = []) =>
    one.record(
      snapshotOf(T + second, [...small.flatMap((name) => group(name, second * 0.001)), ...more]),
    )
  at(0)
  at(1)
  at(2, group('large', 3))
  at(3, group('large', 6))
  t.deepEqual(past(one, find(one, groupKey('large')), 'cpu', 3, 3), [3])
})

test('peaks of CPU come from any instant of a second, and last for a minute', (t) => {
  const one = recorder({ hasSamples: true })
  const usage = (at: number) => Math.min(2, Math.max(0, (at - 10.4375) * 2))
  let largest = 0
  const peakAt: number[] = []
  for (let eighth = 0; eighth <= 90 * 8; eighth++) {
    const at = eighth / 8
    const cpu = usage(at)
    const sample = sampleOf(attributes({ 'container.id': 'c' }), { cpu })
    if (eighth % 8 === 0) one.recordSample(T + at, [sample], nodeUsage(0))
    else one.recordLook(sample, T + at, cpu)
    const c = find(one, 'container:c')
    largest = Math.max(largest, c.value('cpu') || 0)
    peakAt.push(c.peak('cpu', T + at))
  }
  // By the second it looks like this: the spike is halved.
  t.true(largest < 1.2)
  t.true(peakAt[15 * 8] >= 1.8, String(peakAt[15 * 8]))
  t.true(peakAt[71 * 8] >= 1.8)
  t.is(peakAt[85 * 8], 0)
})

test('samples come before complete collections, which complete them', (t) => {
  const one = recorder({ hasSamples: true })
  const faults = (value: number): Reading => [
    'container.paging.faults',
    attributes({ 'container.id': 'c', 'system.paging.fault.type': 'major' }),
    value,
  ]
  one.record(snapshotOf(T, [container('c', 0), faults(0)]))
  const sample = (cpu: number) => [sampleOf(attributes({ 'container.id': 'c' }), { cpu })]
  one.recordSample(T + 1, sample(1), nodeUsage(0))
  one.record(snapshotOf(T + 1.6, [container('c', 1.1), faults(16)]))
  one.recordSample(T + 2, sample(2), nodeUsage(0))
  const c = find(one, 'container:c')
  t.deepEqual(past(one, c, 'cpu', 1, 2), [1, 1])
  t.deepEqual(past(one, c, 'faults', 1, 2), [10, 10])
})

test('what rests between samples has the past and the peaks that it would have if each sample were settled', (t) => {
  const names = ['a', 'b', 'c', 'd']
  const random = randomNumbers(21)
  const [resting, moving] = [recorder({ hasSamples: true }), recorder({ hasSamples: true })]
  const values = names.map(() => ({ cpu: 0, memory: 1, cpuSome: 0, ioFull: 0 }))
  const faults = names.map(() => 0)
  const idle = names.map(() => 0)
  let rests = 0
  let at = T
  for (let step = 1; step < 400; step++) {
    // Now and then a sample is late, is missing, or comes twice in a tick.
    at += random() < 0.1 ? random() * 3 : random() < 0.05 ? 0.2 : 1
    if (step === 300) at -= 3600
    const there = names.flatMap((_, index) => (index === 3 && step % 90 < 20 ? [] : [index]))
    for (const index of there) {
      if (idle[index]-- > 0) continue
      if (random() < 0.3) idle[index] = Math.floor(random() * 30)
      const own = values[index]
      own.cpu += random()
      own.memory = Math.floor(random() * MIB)
      if (random() < 0.3) own.cpuSome += random() / 2
      if (random() < 0.1) own.ioFull = index === 0 ? Number.NaN : own.ioFull + random() / 2
    }
    const isComplete = step % 15 === 0
    for (const one of [resting, moving]) {
      if (isComplete) {
        const readings = there.map((index): Reading => {
          const type = { 'container.id': names[index], 'system.paging.fault.type': 'major' }
          return ['container.paging.faults', attributes(type), faults[index] + (step % 45)]
        })
        one.record(snapshotOf(at, readings))
        continue
      }
      const sampled = there.map((index) =>
        sampleOf(attributes({ 'container.id': names[index] }), {
          ...values[index],
          // With this one no sample is like the one before.
          write: one === moving ? step : 0,
        }),
      )
      one.recordSample(at, sampled, nodeUsage(0))
      if (step % 4 === 0) one.recordLook(sampled[0], at + 0.1, values[0].cpu)
    }
    rests += [...resting.entities()].filter(({ isResting }) => isResting).length
    t.false([...moving.entities()].some(({ isResting }) => isResting))
    if (random() > 0.1 && step !== 399) continue
    for (const name of names) {
      const both = [resting, moving].map((one) => {
        const entity = [...one.entities()].find(({ key }) => key === `container:${name}`)
        if (entity === undefined) return undefined
        const seconds = Math.round(at - T)
        return (['cpu', 'memory', 'cpuSome', 'ioFull', 'faults'] as const).map((figure) => [
          ...past(one, entity, figure, seconds - 65, seconds + 1),
          ...[entity.value(figure), entity.peak(figure, at), entity.lastSeen],
        ])
      })
      t.deepEqual(both[0], both[1], `${name} in step ${step}`)
    }
  }
  t.true(rests > 200, String(rests))
})

test('a clock that is set back begins a new past', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, group('a', 1)))
  one.record(snapshotOf(T + 1, group('a', 2)))
  one.record(snapshotOf(T - 3600, group('a', 3)))
  one.record(snapshotOf(T - 3599, group('a', 3.25)))
  t.deepEqual(past(one, find(one, groupKey('a')), 'cpu', -3600, -3599), [undefined, 0.25])
})

test('the node is recorded from its own counters', (t) => {
  const one = recorder()
  one.record(snapshotOf(T, []), nodeUsage(100))
  one.record(snapshotOf(T + 1, []), nodeUsage(101.5))
  const node = find(one, 'node')
  t.deepEqual(past(one, node, 'cpu', 1, 1), [1.5])
  t.deepEqual(past(one, node, 'switches', 1, 1), [15])
})

test('every figure that is recorded has a measurement, and every measurement a figure that is recorded', (t) => {
  const roles = COLLECTORS.flatMap(({ tables }) => tables())
    .flatMap(({ metrics }) => Object.values<MetricDefinition>(metrics))
    .flatMap(({ role }) => role ?? [])
  const measured = new Set(roles.map(({ subject, figure }) => `${subject} ${figure}`))
  const wanted = Object.entries(KIND_FIGURES).flatMap(([kind, figures]) =>
    [...figures, ...EXTRAS].map((figure) => `${kind} ${figure}`),
  )
  const without = wanted.filter((each) => !measured.has(each))
  t.deepEqual(
    without.filter((each) => !WITHOUT_MEASUREMENT.test(each)),
    [],
  )
  const unknown = [...measured].filter((each) => !wanted.includes(each))
  // Interrupts have a pressure that the recorder leaves out.
  t.deepEqual(
    unknown.filter((each) => !/ irqFull$| undefined$/.test(each)),
    [],
  )
})

/** The node's usage is read from procfs; run delay comes from one source of tasks only; limits and events are not of all kinds. */
const WITHOUT_MEASUREMENT =
  /^node (?!.*(?:Some|Full)$)|^group (?:runDelay|cpuLimit|memoryLimit)$|^(?:container|pod|cgroup) (?:exits|restarts)$/

test('500 entities with 8 figures for 15 minutes take less than 24 MiB', (t) => {
  const one = recorder({ window: 900_000, max_memory: 1024 * MIB })
  const names = Array.from({ length: 500 }, (_, index) => `g${index}`)
  const before = process.memoryUsage()
  for (const second of [0, 1, 2]) {
    one.record(
      snapshotOf(
        T + second,
        names.flatMap((name) => group(name, second)),
      ),
    )
  }
  t.is(KIND_FIGURES.group.length, 8)
  const after = process.memoryUsage()
  const used = after.arrayBuffers - before.arrayBuffers
  t.true(one.bytes < 24 * MIB, `accounted for: ${one.bytes / MIB}`)
  t.true(used < 24 * MIB, `taken: ${used / MIB}`)
})
