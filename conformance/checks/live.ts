import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { needExporter, startExporter } from '../process-exporter/exporter.ts'
import { KINDS, MARK, RestlessCrowd } from '../process-exporter/restless-crowd.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'

const SECONDS = 120
const INTERVAL = 3000
/** How often a process is replaced. */
const PACE = 250
const RULES = [{ name: '{{.Matches.kind}}', cmdline: [`${MARK}(?P<kind>\\w+)$`] }]
const PREFIX = 'namedprocess_namegroup_'
const COUNTERS = [
  'cpu_seconds_total',
  'write_bytes_total',
  'minor_page_faults_total',
  'context_switches_total',
]
/** What a counter of one scrape may differ by for each second between the two readings, as a part of its rate. */
const SHARE_OF_ENDED = 0.2

interface Look {
  readonly theirs: readonly Sample[]
  readonly ours: readonly Sample[]
  /** Seconds in which the two readings lie. */
  readonly gap: number
}

export const check: Check = {
  title: 'the real process-exporter and the agent watch 500 real processes for two minutes',

  async run({ scope, print }) {
    await needExporter()
    const crowd = new RestlessCrowd(scope)
    const options = { rules: RULES, children: false, threads: true, smaps: true, recheck: true }
    const exporter = await startExporter(scope, '/proc', options)
    const agent = await startAgent(
      scope,
      ['--children=false', '--recheck', '--collection.max-age=0'],
      JSON.stringify({ process_names: RULES }),
    )
    // Whatever both count began after them, so they count it from its birth.
    await delay(1500)
    crowd.start()
    const looks: Look[] = []
    const end = performance.now() + SECONDS * 1000
    let next = performance.now() + INTERVAL
    while (performance.now() < end) {
      if (performance.now() >= next) {
        looks.push(await lookAtOnce(() => exporter.scrape(), agent.url))
        next += INTERVAL
      }
      await crowd.replaceOne()
      await delay(PACE)
    }
    looks.push(await lookAtOnce(() => exporter.scrape(), agent.url))
    print(
      `${looks.length} scrapes, ${crowd.starts} processes started, ${crowd.ends} ended meanwhile`,
    )
    requireRising(looks)
    for (const group of KINDS) compareGroup(group, looks, print)
    return `${KINDS.length} groups agree in ${COUNTERS.length} counters; none of ours ever fell`
  },
}

async function lookAtOnce(theirs: () => Promise<Sample[]>, url: string): Promise<Look> {
  const started = performance.now()
  const [a, b] = await Promise.all([theirs(), get(`${url}/metrics`)])
  return { theirs: a, ours: parseSamples(b), gap: (performance.now() - started) / 1000 }
}

function requireRising(looks: readonly Look[]): void {
  const last = new Map<string, number>()
  for (const { ours } of looks) {
    for (const { name, labels, value } of ours) {
      if (!name.startsWith(PREFIX) || !name.endsWith('_total')) continue
      const key = name + JSON.stringify(labels)
      require(value >= (last.get(key) ?? 0), `${key} fell from ${last.get(key)} to ${value}`)
      last.set(key, value)
    }
  }
}

/**
 * The two read a process at different moments of a scrape. While it lives the difference is caught up; what it used
 * between the two moments of its last scrape is in one of them only. So they may differ by what was used in the gap
 * of the last scrape, by the part of it that belongs to processes that ended in the gaps of all others, and by
 * half a clock tick for each process, in which the kernel counts.
 */
function compareGroup(group: string, looks: readonly Look[], print: (line: string) => void): void {
  const last = looks.at(-1) as Look
  const gaps = looks.reduce((sum, { gap }) => sum + gap, 0)
  for (const counter of COUNTERS) {
    const theirs = sumOf(last.theirs, group, counter)
    const ours = sumOf(last.ours, group, counter)
    const rate = ours / SECONDS
    const most = counter === 'cpu_seconds_total' ? availableParallelism() : rate
    const tolerance =
      most * last.gap + rate * gaps * SHARE_OF_ENDED + (counter === 'cpu_seconds_total' ? 1 : 100)
    const difference = Math.abs(ours - theirs)
    print(
      `${group} ${counter}: ${theirs.toFixed(2)} there, ${ours.toFixed(2)} here, ` +
        `${((difference / Math.max(theirs, 1)) * 100).toFixed(2)} % apart`,
    )
    require(difference <=
      tolerance, `${group} ${counter} differs by ${difference}, not ${tolerance}`)
  }
  for (const { theirs, ours, gap } of looks) {
    const difference = Math.abs(sumOf(theirs, group, 'num_procs') - sumOf(ours, group, 'num_procs'))
    // One or two are replaced in a gap, and may be between fork and exec.
    require(difference <= 3 + (gap * 2000) / PACE, `${group} num_procs differs by ${difference}`)
  }
}

function sumOf(samples: readonly Sample[], group: string, name: string): number {
  const mine = samples.filter(
    (sample) => sample.name === PREFIX + name && sample.labels.groupname === group,
  )
  return mine.reduce((sum, { value }) => sum + value, 0)
}
