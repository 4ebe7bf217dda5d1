import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { LoopDelay } from '../../../src/collectors/agent/loop-delay.ts'

test('what holds up the event loop while it is watched is measured, and reported once', async (t) => {
  const loop = new LoopDelay()
  loop.watch()
  await delay(120)
  const until = performance.now() + 300
  while (performance.now() < until) loop.watch()
  await delay(120)
  const { p99, max } = loop.take()
  t.true(max > 0.1)
  t.true(p99 <= max)
})

test('what was not watched has no delay', (t) => {
  t.deepEqual(new LoopDelay().take(), { p99: 0, max: 0 })
})
