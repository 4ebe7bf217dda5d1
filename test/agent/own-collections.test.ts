/** When the agent collects by itself. Time is that of the test. */
import { mock } from 'node:test'
import test, { type ExecutionContext } from 'ava'
import { collectByItself } from '../../src/agent/recording.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'

/** An agent whose clock is turned by hand. */
function agent(t: ExecutionContext, interval: number, hasRecorder: boolean, hasCgroups = true) {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  let milliseconds = 0
  const { now } = performance
  performance.now = () => milliseconds
  t.teardown(() => {
    performance.now = now
  })
  const runs: Record<'process_groups' | 'cgroups', number[]> = { process_groups: [], cgroups: [] }
  const sampler = new Sampler({
    meters: Object.keys(runs).map((name) => new ObservableMeter({ name }, [0, 0])),
    maxAge: 1000,
    onRun: ({ name }) => runs[name as keyof typeof runs].push(milliseconds / 1000),
  })
  const config = {
    collection: { interval },
    recorder: { enabled: hasRecorder },
    cgroups: { enabled: hasCgroups },
  }
  t.teardown(collectByItself(config, sampler))
  return {
    groups: runs.process_groups,
    cgroups: runs.cgroups,
    scrape: () => sampler.snapshot(),
    async pass(seconds: number) {
      for (let second = 0; second < seconds; second++) {
        milliseconds += 1000
        mock.timers.tick(1000)
        // The collection that has begun ends.
        await new Promise(setImmediate)
      }
    },
  }
}

test.serial(
  'for the recorder, every 15 s where nobody else does, cgroups every two minutes',
  async (t) => {
    const { groups, cgroups, scrape, pass } = agent(t, 0, true)
    await scrape()
    await pass(121)
    t.deepEqual(groups, [0, 15, 30, 45, 60, 75, 90, 105, 120])
    t.deepEqual(cgroups, [0, 120])
  },
)

test.serial('for a recorder that samples no cgroups, complete every 15 s', async (t) => {
  const { groups, cgroups, scrape, pass } = agent(t, 0, true, false)
  await scrape()
  await pass(46)
  t.deepEqual(groups, [0, 15, 30, 45])
  t.deepEqual(cgroups, groups)
})

test.serial('for the recorder, not where scrapes and pushes are more frequent', async (t) => {
  const { groups, cgroups, scrape, pass } = agent(t, 0, true)
  for (let minute = 0; minute < 6; minute++) {
    await scrape()
    await pass(10)
  }
  t.deepEqual(groups, [0, 10, 20, 30, 40, 50])
  await pass(20)
  t.deepEqual(groups.slice(6), [65, 80])
  t.deepEqual(cgroups, [0, 10, 20, 30, 40, 50])
})

test.serial('at collection.interval, but for one that somebody has just made', async (t) => {
  const { groups, cgroups, scrape, pass } = agent(t, 4000, true)
  await scrape()
  await pass(7)
  await scrape()
  await pass(6)
  t.deepEqual(groups, [0, 4, 7, 12])
  t.deepEqual(cgroups, groups)
})

test.serial('not without a recorder and an interval', async (t) => {
  const { groups, scrape, pass } = agent(t, 0, false)
  await scrape()
  await pass(100)
  t.deepEqual(groups, [0])
})
