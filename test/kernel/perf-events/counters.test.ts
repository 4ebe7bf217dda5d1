/** Real counters of real cgroups. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { countCgroup } from '../../../src/kernel/perf-events/counters.ts'
import { EVENTS, type PerfEvent } from '../../../src/kernel/perf-events/events.ts'
import { loadPerfOpener } from '../../../src/kernel/perf-events/open.ts'
import { CGROUP2, makeCgroup, noCgroups, spawnInCgroup } from '../../support/cgroup2.ts'
import { skip } from '../../support/skip.ts'

const SOFTWARE = EVENTS.filter((event) => event.class === 'software')
const HARDWARE = EVENTS.filter((event) => event.class === 'hardware')

/** What opens counters of a cgroup; undefined where software events can't be counted, with the reason said. */
async function setUp(t: ExecutionContext, events: readonly PerfEvent[]) {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const opener = await loadPerfOpener()
  const path = makeCgroup(t)
  const failures: string[] = []
  const open = () =>
    countCgroup(join(CGROUP2 as string, path), {
      opener,
      cpus: onlineCpus(),
      events,
      onFailure: ({ label }, { code }) => failures.push(`${label} ${code}`),
    })
  return { path, failures, open }
}

const descriptors = () => readdirSync('/proc/self/fd').length

test.serial('threads and short-lived children are counted, and nothing ever falls', async (t) => {
  const made = await setUp(t, SOFTWARE)
  if (made === undefined) return
  const { path, failures, open } = made
  const counters = open()
  if (failures.some((failure) => /EACCES|EPERM/.test(failure))) return skip(t, failures[0])
  t.deepEqual(failures, [])
  const script =
    'for ((i = 0; i < 100; i++)); do (:); done; for ((i = 0; i < 200000; i++)); do :; done'
  const child = await spawnInCgroup(t, path, 'bash', ['-c', script])
  const last = new Map<string, number>()
  const exited = once(child, 'exit')
  while (child.exitCode === null) {
    for (const [{ label }, { value, enabled, running }] of counters.read()) {
      t.true(value >= (last.get(label) ?? 0), label)
      t.true(running <= enabled)
      last.set(label, value)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await exited
  const counts = new Map([...counters.read()].map(([{ label }, { value }]) => [label, value]))
  const stat = readFileSync(join(CGROUP2 as string, path, 'cpu.stat'), 'utf8')
  const used = Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) * 1000
  const counted = counts.get('TaskClock') ?? 0
  t.true(counted > used * 0.7 && counted < used * 1.3, `${counted} ns, not ${used}`)
  t.true((counts.get('PageFaults') ?? 0) >= 1000)
  t.true((counts.get('ContextSwitches') ?? 0) >= 100)
  counters.close()
})

test.serial(
  'no descriptor is left over, nor when a cgroup is gone or an event is not there',
  async (t) => {
    const made = await setUp(t, [...SOFTWARE, ...HARDWARE])
    if (made === undefined) return
    const { open, failures } = made
    open().close()
    const before = descriptors()
    for (let round = 0; round < 50; round++) {
      const counters = open()
      t.true(counters.size > 0 || failures.length > 0)
      counters.read()
      counters.close()
    }
    t.is(descriptors(), before)
  },
)

test.serial('counters of a cgroup that is removed go on answering, and close', async (t) => {
  const made = await setUp(t, SOFTWARE)
  if (made === undefined) return
  const counters = made.open()
  t.notThrows(() => counters.read())
  counters.close()
})
