import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { ExitTotals } from '../../src/kernel/bpf/exit-totals.ts'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { run } from '../support/children.ts'
import { get } from '../support/http.ts'
import { isInstalled, MissingPeer } from '../support/packages.ts'

/** Of 5 ms of CPU each. `CHILDREN=10000` takes a minute. */
const CHILDREN = Number(process.env.CHILDREN ?? 1500)
/** A part of the children's CPU time that must appear, and what may be there beyond the truth: ticks, at the ends. */
const LEAST = 0.95
const MOST = 1.005
const SCRAPE_MILLISECONDS = 700
const GRACE_MILLISECONDS = 4000
/** With BPF: how far from the truth, and what a few processes lose in rounding to ticks. */
const EXACT = 0.001
const ROUNDING_SECONDS = 0.05
/** Ends of processes that may be left out, and counted as such: of the whole machine, as a part of the children. */
const MAX_OMITTED = 0.01
const IGNORED = 1500
const MIN_IGNORED = 0.99
/** `STORM_SECONDS=60` for a minute. */
const STORM_SECONDS = Number(process.env.STORM_SECONDS ?? 10)

/** Once it has been seen itself: two at a time; some live long enough to be seen. Prints what the kernel says of itself and its children. */
const PARENT = `
import os, resource, sys, time
time.sleep(3)
def spin(seconds):
    while time.process_time() < seconds: pass
running = 0
for number in range(int(sys.argv[1])):
    if running == 2:
        os.wait(); running -= 1
    if os.fork() == 0:
        spin(0.5 if number % 300 == 0 else 0.005)
        if number % 5 == 0:
            # A child that has one itself.
            if os.fork() == 0: spin(0.005); os._exit(0)
            os.wait()
        os._exit(0)
    running += 1
while running:
    os.wait(); running -= 1
seconds = lambda who: sum(resource.getrusage(who)[:2])
print(seconds(resource.RUSAGE_SELF), seconds(resource.RUSAGE_CHILDREN), flush=True)
sys.stdin.read()
`

/** `IGNORED` children of 2 ms that are not waited for, and report their usage themselves. */
const CARELESS = `
import os, signal, sys, time
time.sleep(3)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
used = 0.0
for _ in range(${IGNORED}):
    reading, writing = os.pipe()
    if os.fork() == 0:
        start = time.process_time()
        while time.process_time() - start < 0.002: pass
        os.write(writing, str(time.process_time()).encode()); os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file: used += float(file.read())
print(time.process_time(), used, flush=True)
sys.stdin.read()
`

/** Forks as fast as it can once it has been seen, and says how often: before, its forks count for who has started it. */
const STORM = `
import os, sys, time
time.sleep(5)
until = time.monotonic() + ${STORM_SECONDS}
forks = 0
while time.monotonic() < until:
    for _ in range(20):
        if os.fork() == 0: os._exit(0)
        os.wait()
    forks += 20
print(time.process_time(), forks, flush=True)
sys.stdin.read()
`

export const check: Check = {
  title: 'CPU time of processes that lived between two collections appears in their group, once',

  async run(context) {
    if (!isInstalled('python3')) throw new MissingPeer('there is no python3 to start processes')
    const ours = await measure(context, PARENT, 'waited')
    const without = await measure(context, PARENT, 'off')
    require(ours.part > LEAST, `of the CPU time of children only ${percent(ours.part)} is there`)
    require(ours.whole < MOST, `the group has ${percent(ours.whole)} of what was used`)
    require(without.part < LEAST, 'nothing was lost without it: the children live too long')
    const waited = `${percent(ours.part)} of ${CHILDREN} children's CPU time, and ${percent(without.part)} without what parents waited for`
    return `${waited}; by BPF ${await byBpf(context)}`
  },
}

/** What the program counts; no part of it where the kernel does not take it. */
async function byBpf(context: CheckContext): Promise<string> {
  try {
    const totals = await ExitTotals.load()
    totals.close()
  } catch (error) {
    context.print(`skipped: the kernel takes no BPF program here: ${(error as Error).message}`)
    return 'nothing here'
  }
  const exact = await measure(context, PARENT, 'bpf')
  const apart = Math.abs(exact.part - 1) * exact.children
  require(apart <=
    exact.children * EXACT +
      ROUNDING_SECONDS, `BPF: ${percent(exact.part)} of the children's CPU time, ${apart.toFixed(3)} s apart, ${exact.omissions} omissions`)
  // On a busy machine the kernel may have no memory at hand for an entry. What the children lack by it is held above.
  require(exact.omissions <=
    CHILDREN * MAX_OMITTED, `BPF: ${exact.omissions} ends of processes are not counted`)
  const careless = await measure(context, CARELESS, 'bpf')
  require(careless.part >= MIN_IGNORED, `BPF: ${percent(careless.part)} of those nobody waits for`)
  const storm = await measure(context, STORM, 'bpf')
  const missing = storm.children - storm.forks
  require(missing >= 0, `BPF: ${storm.forks} forks of ${storm.children}`)
  require(missing <=
    storm.omissions, `BPF: ${missing} forks are missing, ${storm.omissions} are told`)
  return `${percent(exact.part, 2)}, ${percent(careless.part)} of what ${IGNORED} say of themselves that nobody waits for, ${storm.forks} of ${storm.children} forks in ${STORM_SECONDS} s`
}

interface Measured {
  /** What the script says of its children: seconds of CPU, or how many there were. */
  readonly children: number
  /** What the group has of that, and of all. */
  readonly part: number
  readonly whole: number
  readonly forks: number
  /** Ends of processes, forks and executions that were not counted. */
  readonly omissions: number
}

async function measure(
  { scope, print }: CheckContext,
  script: string,
  way: string,
): Promise<Measured> {
  const file = join(scope.directory(), 'parent.py')
  writeFileSync(file, script)
  const { url } = await startAgent(
    scope,
    ['--collection.max-age=0', '--prometheus.naming=otel', `--process-groups.short-lived=${way}`],
    `process_names: [{name: swarm, cmdline: ['${file}']}]`,
  )
  const child = scope.spawn(await interpreter(), [file, String(CHILDREN)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('the parent has no pipe')
  const ended = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
  let line: string | undefined
  void ended.then(([text]) => (line = text))
  while (line === undefined) {
    await get(`${url}/metrics`)
    await delay(SCRAPE_MILLISECONDS)
  }
  const [self, children] = line.split(' ').map(Number) as [number, number]
  // The kernel frees a process, and only then its last part is known, when all CPUs have passed a grace period of RCU.
  await delay(GRACE_MILLISECONDS)
  const samples = parseSamples(await get(`${url}/metrics`))
  const sum = (name: string) => sumOf(samples.filter((sample) => sample.name === name))
  const ofSwarm = (name: string) =>
    sumOf(
      samples.filter((sample) => sample.name === name && sample.labels.procgroup_name === 'swarm'),
    )
  const group = ofSwarm('procgroup_cpu_time_seconds_total')
  print(
    `${way}: ${self.toFixed(2)} by the parent, ${children.toFixed(2)} by its children; the group has ${group.toFixed(2)} s`,
  )
  child.stdin?.end()
  return {
    children,
    part: (group - self) / children,
    whole: group / (self + children),
    forks: ofSwarm('procgroup_process_forks_total'),
    omissions: sum('procgroup_exit_omissions_total') + sum('procgroup_fork_omissions_total'),
  }
}

/** Path of Python's own program: what is called python3 may be a script that starts dozens of processes first. */
async function interpreter(): Promise<string> {
  const { output } = await run('python3', ['-c', 'import sys; print(sys.executable)'])
  return output.trim()
}

function sumOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0)
}

function percent(part: number, digits = 1): string {
  return `${(part * 100).toFixed(digits)} %`
}
