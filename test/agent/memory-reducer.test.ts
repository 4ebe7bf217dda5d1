import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { MemoryReducer, ofThisProcess } from '../../src/agent/memory-reducer.ts'
import { until } from '../support/program.ts'

/** Longer than the process has to be idle. */
const IDLE_MILLISECONDS = 700

test('garbage is collected while nothing else is done', async (t) => {
  const garbage = new WeakRef({ text: 'x'.repeat(1000) })
  const reducer = new MemoryReducer(ofThisProcess(false))
  t.teardown(() => reducer.close())
  reducer.resume(0)
  await until(() => garbage.deref() === undefined)
  t.pass()
})

test('garbage is collected again after thirty times the CPU time that it took, or when the heap has grown', async (t) => {
  let cpu = 0
  let heap = 100
  let collections = 0
  const collectGarbage = () => {
    collections++
    cpu += 0.1
  }
  const reducer = new MemoryReducer({ collectGarbage, cpuTime: () => cpu, heapSize: () => heap })
  t.teardown(() => reducer.close())
  reducer.resume(0)
  await until(() => collections === 1)
  cpu += 1.9
  heap = 139
  reducer.resume(0)
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 1)
  cpu += 1.5
  reducer.resume(0)
  await until(() => collections === 2)
  heap = 230
  reducer.resume(0)
  await until(() => collections === 3)
  t.is(collections, 3)
})

test('garbage is collected sooner when many processes and series have ended', async (t) => {
  let cpu = 0
  let collections = 0
  const collectGarbage = () => {
    collections++
    cpu += 0.1
  }
  const reducer = new MemoryReducer({ collectGarbage, cpuTime: () => cpu, heapSize: () => 100 })
  t.teardown(() => reducer.close())
  reducer.resume(10_000)
  await until(() => collections === 1)
  cpu += 0.4
  reducer.resume(20_000)
  reducer.resume(15_000)
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 1, 'a fifth of the CPU time is the most')
  cpu += 0.2
  reducer.resume(17_000)
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 1, 'not many')
  reducer.resume(15_000)
  await until(() => collections === 2)
  cpu += 1
  reducer.resume(14_500)
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 2, 'not many since then')
})

test('no garbage is collected before the first collection of metrics has ended, nor during a later one', async (t) => {
  let collections = 0
  const reducer = new MemoryReducer({
    collectGarbage: () => collections++,
    cpuTime: () => 0,
    heapSize: () => 0,
  })
  t.teardown(() => reducer.close())
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 0)
  reducer.resume(0)
  reducer.suspend()
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 0)
  reducer.resume(0)
  await until(() => collections === 1)
  t.pass()
})

test('a reducer that is closed collects nothing', async (t) => {
  let collections = 0
  const reducer = new MemoryReducer({
    collectGarbage: () => collections++,
    cpuTime: () => 0,
    heapSize: () => 0,
  })
  reducer.close()
  reducer.resume(0)
  await delay(IDLE_MILLISECONDS)
  t.is(collections, 0)
})
