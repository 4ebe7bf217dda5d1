import { type Check, require } from '../check.ts'
import type { Area } from '../faults/area.ts'
import { CGROUP_LIVES } from '../faults/cgroup-life.ts'
import { CLIENTS } from '../faults/clients.ts'
import { CONFIGURATIONS } from '../faults/configurations.ts'
import { lookAtCgroups, lookAtGroups, lookAtThreads } from '../faults/crowds.ts'
import { OUTPUTS } from '../faults/outputs.ts'
import { PROCFS_LIVES } from '../faults/procfs-life.ts'
import { Watch } from '../faults/watch.ts'
import { Watchdog } from '../faults/watchdog.ts'
import { Scope } from '../support/children.ts'
import { useMemory } from '../support/temporary-files.ts'

const AREAS: readonly Area[] = [PROCFS_LIVES, CGROUP_LIVES, CONFIGURATIONS, CLIENTS, OUTPUTS]
/** What a usual run has time for; `CASES=100000` is the whole. */
const CASES = 4000
const CROWDS = [
  ['cgroups', 100_000, lookAtCgroups],
  ['threads of one process', 30_000, lookAtThreads],
  ['groups of processes', 10_000, lookAtGroups],
] as const
/** Who has seen so many has seen enough. */
const MAX_FAILURES = 10

export const check: Check = {
  title: 'nothing that procfs, cgroups, configurations or clients do wrong makes the agent fail',

  async run({ scope, print }) {
    useMemory(scope)
    const cases = Number(process.env.CASES ?? CASES)
    // `procfs:17` is one seed, `17` the first of each area.
    const [, area, first = Date.now() % 1_000_000_000] =
      /^(?:(\w+):)?(\d+)$/.exec(process.env.SEED ?? '') ?? []
    using watch = new Watch()
    await using watchdog = new Watchdog()
    const failures: string[] = []
    let total = 0
    for (const one of AREAS.filter(({ name }) => area === undefined || area === name)) {
      const seeds = area === undefined ? Math.ceil((cases * one.share) / one.casesOfSeed) : 1
      print(`${one.name}: ${seeds} seeds from ${first}`)
      failures.push(...(await runArea(one, Number(first), seeds, watch, watchdog, print)))
      total += seeds * one.casesOfSeed
    }
    require(failures.length === 0, `${failures.length} seeds fail: ${failures.join(', ')}`)
    if (area === undefined) {
      for (const [what, count, look] of CROWDS) {
        watchdog.expect(`${count} ${what}`)
        await look(count, watch)
        print(`${count} ${what} are collected, and the limit of series holds`)
      }
    }
    return `${total} cases; the event loop was held for ${Math.round(watch.longest)} ms of CPU time at most`
  },
}

/** Gives the seeds that fail, as they are repeated. */
async function runArea(
  { name, casesOfSeed, open }: Area,
  first: number,
  seeds: number,
  watch: Watch,
  watchdog: Watchdog,
  print: (line: string) => void,
): Promise<string[]> {
  await using scope = new Scope()
  const failures: string[] = []
  const began = performance.now()
  const run = await open(scope, watch)
  for (let seed = first; seed < first + seeds && failures.length < MAX_FAILURES; seed++) {
    const title = `${name}:${seed}`
    watchdog.expect(title)
    try {
      await run(seed)
      watch.requireNoErrors()
    } catch (error) {
      failures.push(title)
      print(`${title}: ${(error as Error).message}`)
      print(`  again: SEED=${title} npm run conformance -- faults`)
    }
  }
  const seconds = (performance.now() - began) / 1000
  print(`${name}: ${seeds * casesOfSeed} cases in ${seconds.toFixed(1)} s`)
  return failures
}
