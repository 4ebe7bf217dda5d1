/** When the agent collects by itself. Time is that of the test. */
import { mock } from 'node:test'
import test, { type ExecutionContext } from 'ava'
import { collectByItself } from '../../src/agent/recording.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'

/** An agent whose clock is turned by hand. */
function agent(t: ExecutionContext, interval: number, hasRecorder: boolean) {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  let milliseconds = 0
  const { now } = performance
  performance.now = () => milliseconds
  t.teardown(() => {
    performance.now = now
  })
  const collectedAt: number[] = []
  const sampler = new Sampler({
    meters: [new ObservableMeter({ name: 'none' }, [0, 0])],
    maxAge: 1000,
    onStart: () => collectedAt.push(milliseconds / 1000),
    onRun: () => {},
  })
  const config = { collection: { interval }, recorder: { enabled: hasRecorder } }
  t.teardown(collectByItself(config, sampler))
  return {
    collectedAt,
    scrape: () => sampler.snapshot(),
    async pass(seconds: number) {
      for (let second = 0; second < seconds; second++) {
        milliseconds += 1000
        mock.timers.tick(1000)
        // The collection that has begun ends.
        await sampler.snapshot(Number.POSITIVE_INFINITY)
      }
    },
  }
}

test.serial('for the recorder, every 15 s where nobody else does', async (t) => {
  const { collectedAt, scrape, pass } = agent(t, 0, true)
  await scrape()
  await pass(46)
  t.deepEqual(collectedAt, [0, 15, 30, 45])
})

test.serial('for the recorder, not where scrapes and pushes are more frequent', async (t) => {
  const { collectedAt, scrape, pass } = agent(t, 0, true)
  for (let minute = 0; minute < 6; minute++) {
    await scrape()
    await pass(10)
  }
  t.deepEqual(collectedAt, [0, 10, 20, 30, 40, 50])
  await pass(20)
  t.deepEqual(collectedAt.slice(6), [65, 80])
})

test.serial('at collection.interval, but for one that somebody has just made', async (t) => {
  const { collectedAt, scrape, pass } = agent(t, 4000, true)
  await scrape()
  await pass(7)
  await scrape()
  await pass(6)
  t.deepEqual(collectedAt, [0, 4, 7, 12])
})

test.serial('not without a recorder and an interval', async (t) => {
  const { collectedAt, scrape, pass } = agent(t, 0, false)
  await scrape()
  await pass(100)
  t.deepEqual(collectedAt, [0])
})
