import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { LoopDelay } from '../../../src/collectors/agent/loop-delay.ts'

test.serial(
  'what holds up the event loop while it is watched is measured, and reported once',
  async (t) => {
    const loop = new LoopDelay()
    loop.watch()
    await delay(120)
    const until = performance.now() + 300
    while (performance.now() < until) loop.watch()
    await delay(120)
    const { p99, max } = loop.take()
    t.true(max > 0.1)
    t.true(p99 <= max)
  },
)

test.serial('what was not watched has no delay', (t) => {
  t.deepEqual(new LoopDelay().take(), { p99: 0, max: 0 })
})

test.serial(
  'the time between two collections is no delay, and a delay before it is kept',
  async (t) => {
    const always = monitorEventLoopDelay({ resolution: 10 })
    always.enable()
    const loop = new LoopDelay()
    loop.watch()
    await delay(120)
    const until = performance.now() + 300
    while (performance.now() < until) loop.watch()
    // The watch ends half a second after the collection.
    await delay(3000)
    loop.watch()
    await delay(200)
    const { max } = loop.take()
    always.disable()
    loop.close()
    t.true(max > 0.1, `${max} s`)
    // Timers of another resolution may meet two delays as one.
    const bound = (2 * always.max) / 1e9
    t.true(max <= bound, `${max} s, not more than ${bound} s`)
  },
)
