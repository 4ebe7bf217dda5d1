/** The kernel's counts of exited processes, compared with getrusage(2) of their parent. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ExitTotals, type ExitUsage } from '../../../src/kernel/bpf/exit-totals.ts'
import { skip } from '../../support/skip.ts'

const CHILDREN = 100

/** Starts children of 2 ms each, waits for them or not, and prints what the kernel says of them. */
const PARENT = `
import os, resource, signal, sys, time
sys.stdin.readline()
def spin(seconds):
    while time.process_time() < seconds: pass
waits = sys.argv[1] == 'wait'
if not waits: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(${CHILDREN}):
    reading, writing = os.pipe()
    if os.fork() == 0: spin(0.002); os._exit(0)
    os.close(writing); os.read(reading, 1); os.close(reading)
    if waits: os.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_minflt, used.ru_nvcsw + used.ru_nivcsw, flush=True)
sys.stdin.readline()
`

async function load(t: ExecutionContext): Promise<ExitTotals | undefined> {
  try {
    const totals = await ExitTotals.load()
    t.teardown(() => totals.close())
    return totals
  } catch (error) {
    skip(t, `no BPF here: ${(error as Error).message}`)
    return undefined
  }
}

/** Runs the parent between two passes; gives what it says and what was counted of its children. */
async function run(t: ExecutionContext, totals: ExitTotals, mode: 'wait' | 'ignore') {
  const child = spawn('/usr/bin/python3', ['-c', PARENT, mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await delay(300)
  totals.beginPass()
  totals.endPass()
  totals.drain()
  // The end of the pass is known to 10 ms.
  await delay(50)
  child.stdin.write('go\n')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const [seconds, faults, switches] = line.split(' ').map(Number)
  const sum = { exits: 0, runtime: 0, minflt: 0, switches: 0, forks: 0 }
  const add = ({ exits, runtime, minflt, voluntary, nonvoluntary }: ExitUsage) => {
    sum.exits += exits
    sum.runtime += runtime / 1e9
    sum.minflt += minflt
    sum.switches += voluntary + nonvoluntary
  }
  // What is freed last is told a little later than the parent is.
  const started = Number(readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(' ')[21])
  for (let round = 0; round < 10; round++) {
    await delay(50)
    const { unseen, listed, starts } = totals.drain()
    for (const { ancestor, usage } of unseen) if (ancestor.pid === child.pid) add(usage)
    for (const { ancestor } of listed) t.not(ancestor.pid, child.pid)
    for (const { process, forks } of starts) {
      if (process.pid !== child.pid) continue
      sum.forks += forks
      t.is(Math.floor(process.start / 1e7), started)
    }
  }
  return { seconds, faults, switches, sum }
}

test.serial('children that somebody waits for are counted as getrusage(2) does', async (t) => {
  const totals = await load(t)
  if (totals === undefined) return
  const { seconds, faults, switches, sum } = await run(t, totals, 'wait')
  t.is(sum.exits, CHILDREN)
  t.is(sum.forks, CHILDREN)
  t.true(sum.runtime > seconds * 0.98 && sum.runtime < seconds * 1.005, `${sum.runtime} ${seconds}`)
  t.true(sum.minflt > faults * 0.99 && sum.minflt <= faults, `${sum.minflt} ${faults}`)
  t.true(sum.switches <= switches + CHILDREN && sum.switches > switches * 0.9)
  t.deepEqual(totals.lost(), { exits: 0, starts: 0 })
})

test.serial('children that nobody waits for are counted, too', async (t) => {
  const totals = await load(t)
  if (totals === undefined) return
  const { seconds, sum } = await run(t, totals, 'ignore')
  t.is(seconds, 0)
  t.is(sum.exits, CHILDREN)
  t.true(sum.runtime > CHILDREN * 0.002)
})

test.serial(
  'processes that were listed are reported one by one, with all that they have used',
  async (t) => {
    const totals = await load(t)
    if (totals === undefined) return
    totals.beginPass()
    const child = spawn('/usr/bin/python3', ['-c', 'sum(range(3000000))'], { stdio: 'ignore' })
    const pid = child.pid as number
    await new Promise((resolve) => child.once('exit', resolve))
    await delay(100)
    const { listed, unseen } = totals.drain()
    const exit = listed.find(({ process }) => process.pid === pid)
    t.is(exit?.usage.exits, 1)
    t.true((exit?.usage.runtime ?? 0) > 1e6)
    t.true((exit?.usage.minflt ?? 0) > 100)
    t.is(exit?.comm, 'python3')
    t.deepEqual(unseen, [])
  },
)
