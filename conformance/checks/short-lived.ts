import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { isInstalled, MissingPeer } from '../support/packages.ts'

/** Of 5 ms of CPU each. `CHILDREN=10000` takes a minute. */
const CHILDREN = Number(process.env.CHILDREN ?? 1500)
/** A part of the children's CPU time that must appear, and what may be there beyond the truth: ticks, at the ends. */
const LEAST = 0.95
const MOST = 1.005
const SCRAPE_MILLISECONDS = 700

/** Two at a time; some live long enough to be seen. Prints what the kernel says of itself and its children. */
const PARENT = `
import os, resource, sys, time
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

export const check: Check = {
  title: 'CPU time of processes that lived between two collections appears in their group, once',

  async run(context) {
    if (!isInstalled('python3')) throw new MissingPeer('there is no python3 to start processes')
    const ours = await measure(context, [])
    const without = await measure(context, ['--process-groups.short-lived=false'])
    require(ours.part > LEAST, `of the CPU time of children only ${percent(ours.part)} is there`)
    require(ours.whole < MOST, `the group has ${percent(ours.whole)} of what was used`)
    require(without.part < LEAST, 'nothing was lost without it: the children live too long')
    return `${percent(ours.part)} of ${CHILDREN} children's CPU time, and ${percent(without.part)} without what parents waited for`
  },
}

interface Measured {
  /** What the group has of the children's CPU time, and of all. */
  readonly part: number
  readonly whole: number
}

async function measure({ scope, print }: CheckContext, flags: string[]): Promise<Measured> {
  const directory = scope.directory()
  const script = join(directory, 'parent.py')
  writeFileSync(script, PARENT)
  const { url } = await startAgent(
    scope,
    ['--collection.max-age=0', ...flags],
    `process_names: [{name: swarm, cmdline: ['${script}']}]`,
  )
  const child = scope.spawn('python3', [script, String(CHILDREN)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('the parent has no pipe')
  const ended = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
  let line: string | undefined
  void ended.then(([text]) => (line = text))
  while (line === undefined) {
    await groupSeconds(url)
    await delay(SCRAPE_MILLISECONDS)
  }
  const [self, children] = line.split(' ').map(Number) as [number, number]
  const group = await groupSeconds(url)
  print(
    `used: ${self.toFixed(2)} s by the parent, ${children.toFixed(2)} s by its children; the group has ${group.toFixed(2)} s ${flags.join(' ')}`,
  )
  child.stdin?.end()
  return { part: (group - self) / children, whole: group / (self + children) }
}

async function groupSeconds(url: string): Promise<number> {
  return parseSamples(await get(`${url}/metrics`))
    .filter(
      ({ name, labels }) =>
        name === 'namedprocess_namegroup_cpu_seconds_total' && labels.groupname === 'swarm',
    )
    .reduce((sum, { value }) => sum + value, 0)
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`
}
