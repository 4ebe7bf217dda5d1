/** What must hold whatever processes do: on random trees that change from one collection to the next. */
import type { ScopeMetrics } from '@opentelemetry/sdk-metrics'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { processGroups } from '../../support/process-groups.ts'
import { ProcfsTree, type Task } from '../../support/procfs-tree.ts'

const NAMES = ['a', 'b', 'c']

interface Step {
  pid: number
  action: 'run' | 'start' | 'end' | 'hide io' | 'damage'
  name: string
  used: number
  threads: number
}

const step: fc.Arbitrary<Step> = fc.record({
  pid: fc.integer({ min: 1, max: 6 }),
  action: fc.constantFrom('run', 'run', 'run', 'start', 'end', 'hide io', 'damage'),
  name: fc.constantFrom(...NAMES),
  used: fc.integer({ min: 0, max: 1000 }),
  threads: fc.integer({ min: 1, max: 3 }),
})

interface Living {
  comm: string
  starttime: number
  used: number
  threads: number
  isDamaged: boolean
}

/** Processes that live, write their files, and die, as the steps say. */
class Population {
  readonly procfs = new ProcfsTree()
  readonly living = new Map<number, Living>()
  // Later than any start of the collector.
  #start = 100_000_000_000

  apply({ pid, action, name, used, threads }: Step): void {
    const process = this.living.get(pid)
    if (action === 'end') {
      this.living.delete(pid)
      this.procfs.remove(pid)
    } else if (action === 'start' || process === undefined) {
      const born = { comm: name, starttime: this.#start++, used, threads, isDamaged: false }
      this.living.set(pid, born)
      this.#write(pid, born)
    } else {
      process.used += used
      process.threads = threads
      process.isDamaged = action === 'damage'
      this.#write(pid, process, action === 'hide io' ? ['io'] : [])
      if (process.isDamaged) this.procfs.damage(pid, 'stat', `${pid} (`)
    }
  }

  get readable(): number {
    return [...this.living.values()].filter(({ isDamaged }) => !isDamaged).length
  }

  #write(pid: number, { comm, starttime, used, threads }: Living, without: string[] = []): void {
    const usage = (amount: number) => ({
      starttime,
      utime: amount,
      voluntary: amount,
      readBytes: amount,
    })
    const tasks: Record<number, Task> = {}
    for (let index = 0; index < threads; index++) {
      tasks[pid * 10 + index] = { comm: `${comm}-${index}`, ...usage(Math.floor(used / threads)) }
    }
    const several = threads > 1 ? { threads: tasks } : {}
    this.procfs.set(pid, { comm, ...usage(used), ...several, without })
  }
}

/** All values by metric and attributes; counters with their start, for a new start is a new counter. */
function observe(t: ExecutionContext, scopes: readonly ScopeMetrics[]) {
  const values = new Map<string, number>()
  const counters = new Map<string, number>()
  for (const metric of scopes.flatMap(({ metrics }) => metrics)) {
    for (const { attributes, value, startTime, endTime } of metric.dataPoints) {
      const key = `${metric.descriptor.name} ${Object.values(attributes)}`
      t.false(values.has(key), `${key} is there twice`)
      t.true((value as number) >= 0, key)
      t.true(startTime[0] * 1e3 + startTime[1] / 1e6 <= endTime[0] * 1e3 + endTime[1] / 1e6, key)
      values.set(key, value as number)
      const isCounter = 'isMonotonic' in metric && metric.isMonotonic
      if (isCounter) counters.set(`${key} since ${startTime}`, value as number)
    }
  }
  return { values, counters }
}

test('counters never fall, series are unique, and members are who is there', async (t) => {
  const rounds = fc.array(fc.array(step, { maxLength: 5 }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(rounds, async (steps) => {
      const population = new Population()
      try {
        const { sampler, errors } = processGroups(population.procfs.root)
        let before = observe(t, (await sampler.snapshot()).scopes)
        for (const round of steps) {
          for (const one of round) population.apply(one)
          const now = observe(t, (await sampler.snapshot()).scopes)
          for (const [key, value] of before.counters) {
            t.true((now.counters.get(key) ?? value) >= value, `${key} fell`)
          }
          const members = NAMES.map(
            (name) => now.values.get(`procgroup.process.count ${name}`) ?? 0,
          )
          t.is(
            members.reduce((sum, one) => sum + one),
            population.readable,
          )
          before = now
        }
        t.deepEqual(errors, [])
      } finally {
        population.procfs.dispose()
      }
    }),
    { numRuns: 60 },
  )
})
