import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'
import { median } from '../support/median.ts'
import { residentMemory } from '../support/memory.ts'
import { needPackage } from '../support/packages.ts'

/** Processes that are born and die. `BIRTHS=1000000` takes some minutes, and is the whole. */
const BIRTHS = Number(process.env.BIRTHS ?? 60_000)
const WHOLE = 1_000_000
/** By how much the last third may have more memory than the middle one: a short run has few garbage collections. */
const GROWTH = BIRTHS >= WHOLE ? 1.02 : 1.1
const SCRAPE_MILLISECONDS = 300

export const check: Check = {
  title: 'processes that are born and die at the highest rate leave no memory and no series behind',

  async run({ scope, print }) {
    await needPackage('stress-ng', 'stress-ng')
    const { pid, url, log } = await startAgent(scope, [
      '--collection.max-age=0',
      '--process-groups.remove-empty=true',
    ])
    const before = await groups(url)
    const storm = scope.spawn('stress-ng', ['--fork', '2', '--fork-ops', String(BIRTHS)])
    const ended = once(storm, 'exit')
    const memory: number[] = []
    const started = performance.now()
    while (storm.exitCode === null && storm.signalCode === null) {
      await get(`${url}/metrics`)
      memory.push(residentMemory(pid).now / 1024)
      await Promise.race([ended, delay(SCRAPE_MILLISECONDS)])
    }
    const rate = BIRTHS / ((performance.now() - started) / 1000)
    require(storm.exitCode === 0, `stress-ng ended with ${storm.exitCode}`)
    const third = Math.floor(memory.length / 3)
    require(third > 5, `${memory.length} scrapes are too few to tell: give more BIRTHS`)
    const [middle, last] = [memory.slice(third, 2 * third), memory.slice(2 * third)].map(median)
    const growth = (last as number) / (middle as number)
    print(
      `${BIRTHS} processes, ${rate.toFixed(0)} a second; ${memory.length} scrapes; resident memory ${middle?.toFixed(1)} → ${last?.toFixed(1)} MiB`,
    )
    require(growth <= GROWTH, `memory has grown by ${((growth - 1) * 100).toFixed(1)} %`)
    const left = (await groups(url)).filter((name) => !before.includes(name))
    require(!left.some((name) =>
      name.startsWith('stress-ng'),
    ), `groups are left: ${left.join(', ')}`)
    const problems = log.filter((line) => /"level":(40|50|60)/.test(line))
    require(problems.length === 0, `the agent says: ${problems[0]}`)
    return `${BIRTHS} births: memory × ${growth.toFixed(3)}, no series left`
  },
}

async function groups(url: string): Promise<string[]> {
  return parseSamples(await get(`${url}/metrics`))
    .filter(({ name }) => name === 'namedprocess_namegroup_num_procs')
    .map(({ labels }) => labels.groupname as string)
}
