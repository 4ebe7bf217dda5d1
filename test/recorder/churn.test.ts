/** An hour of a node on which everything comes and goes, as fast as it can be recorded. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import type { NodeUsage } from '../../src/kernel/procfs/node-usage.ts'
import { Recorder } from '../../src/recorder/recorder.ts'
import { type Reading, sampleOf, snapshotOf } from '../support/snapshots.ts'

const T = 1_800_000_000
const HOUR_SECONDS = 3600
const ENTITIES = 60
/** Each second one in so many ends, and another one begins. */
const LIFE_SECONDS = 20
const MIB = 1024 ** 2
const USAGE: NodeUsage = { cpu: 1, memory: 1, read: 1, write: 1, faults: 1, switches: 1 }

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('an hour of churn leaves memory as it was after the first window', (t) => {
  const maxMemory = 4 * MIB
  const recorder = new Recorder({
    ...{ interval: 1000, window: 120_000, max_memory: maxMemory, cpus: 4, memory: 2 ** 33 },
    hasSamples: true,
  })
  let born = 0
  const alive: { group: Record<string, string>; container: Record<string, string> }[] = []
  const bear = () => {
    const id = (++born).toString(16).padStart(64, '0')
    return { group: { 'procgroup.name': `job ${born}` }, container: { 'container.id': id } }
  }
  for (let index = 0; index < ENTITIES; index++) alive.push(bear())
  const used: number[] = []
  for (let second = 0; second < HOUR_SECONDS; second++) {
    for (let index = second % LIFE_SECONDS; index < ENTITIES; index += LIFE_SECONDS) {
      alive[index] = bear()
    }
    const containers = alive.map(({ container }): Reading => {
      return ['container.cpu.usage.time', container, second * 0.1]
    })
    const samples = alive.map(({ container }) => sampleOf(container, { cpu: second * 0.1 }))
    for (const sample of samples) recorder.recordLook(sample, T + second + 0.5, second * 0.1)
    recorder.recordSample(T + second + 1, samples, USAGE)
    if (second % 10 === 0) {
      const groups = alive.map(({ group }): Reading => ['procgroup.cpu.time', group, second * 0.1])
      recorder.record(snapshotOf(T + second + 1.2, [...containers, ...groups]))
    }
    t.true(recorder.bytes <= maxMemory * 1.25)
    if (second % 600 === 599) {
      collectGarbage()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      used.push((heapUsed + arrayBuffers) / MIB)
    }
  }
  t.true(born > 10_000)
  const [first, ...later] = used
  for (const megabytes of later)
    t.true(megabytes < first + 5, used.map((each) => each.toFixed(1)).join(' '))
})
