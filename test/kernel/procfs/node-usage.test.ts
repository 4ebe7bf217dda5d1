import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { NodeUsageReader } from '../../../src/kernel/procfs/node-usage.ts'

test('the size of this machine is what Node.js says', (t) => {
  const { cpus: count, memory } = new NodeUsageReader('/proc', 100).size()
  t.is(count, cpus().length)
  t.is(memory, totalmem())
})

test('time passes, and not faster than the CPUs there are', async (t) => {
  const reader = new NodeUsageReader('/proc', 100)
  const before = reader.usage()
  const started = performance.now()
  while (performance.now() - started < 300);
  const after = reader.usage()
  const seconds = (performance.now() - started) / 1000
  t.true(after.cpu > before.cpu)
  // The kernel adds up by ticks, each CPU for itself.
  t.true(after.cpu - before.cpu <= (seconds + 0.1) * cpus().length)
  t.true(after.switches > before.switches)
  t.true(after.memory > 0 && after.memory < totalmem())
})

test('columns and keys are found; what is not there has no value', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'node-usage-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  mkdirSync(root, { recursive: true })
  writeFileSync(
    join(root, 'stat'),
    'cpu  100 20 30 9999 5000 4 6 50 7 8\ncpu0 1 2\ncpu1 1 2\nctxt 77\nbtime 5\n',
  )
  writeFileSync(join(root, 'meminfo'), 'MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable: 400 kB\n')
  const reader = new NodeUsageReader(root, 100)
  t.deepEqual(reader.size(), { cpus: 2, memory: 1024_000 })
  t.deepEqual(reader.usage(), {
    cpu: 1.6,
    memory: 600 * 1024,
    read: Number.NaN,
    write: Number.NaN,
    faults: Number.NaN,
    switches: 77,
  })
})
