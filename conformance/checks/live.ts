import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import type { Range } from '../process-exporter/bounds.ts'
import { needExporter, startExporter } from '../process-exporter/exporter.ts'
import { KERNEL_VALUES, type KernelValue } from '../process-exporter/kernel-values.ts'
import { KINDS, type Kind, RestlessCrowd } from '../process-exporter/restless-crowd.ts'
import { startAgent } from '../support/agent.ts'
import { get } from '../support/http.ts'

const SECONDS = 120
const INTERVAL = 3000
const PREFIX = 'namedprocess_namegroup_'
const MEMORY = ['virtual', 'swapped', 'proportionalResident', 'proportionalSwapped']
/** Proportional memory changes when others on the machine begin or end to share a library's pages. */
const SHARED_BY_OTHERS = 0.01

interface Look {
  readonly theirs: readonly Sample[]
  readonly ours: readonly Sample[]
  readonly bounds: ReadonlyMap<Kind, readonly Range[]>
  /** Seconds between the first and the last of the kernel's values. */
  readonly seconds: number
}

export const check: Check = {
  title: 'the real process-exporter, the agent and the kernel itself on 500 real processes',

  async run(context) {
    await needExporter()
    const { scope, print } = context
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
    const crowd = new RestlessCrowd(scope, seed)
    const looks = await watch(context, crowd)
    const longest = Math.max(...looks.map(({ seconds }) => seconds))
    const { starts, ends, unseen } = crowd
    print(`SEED=${seed}: ${starts} processes started, ${ends} ended, ${unseen} of them never seen`)
    print(`${looks.length} scrapes of both at once, each within ${longest.toFixed(2)} s`)
    print('Bounds are from least to most: apart by what processes that started or ended during a')
    print(
      'scrape, or after their last one, may have used between the readings before and after it.',
    )
    print('At the end, all stopped: bounds by the kernel itself, process-exporter, the agent')
    requireRising(looks)
    for (const [index, look] of looks.entries()) {
      const lines = [...outOfBounds(look)]
      require(lines.length === 0, `scrape ${index + 1}: ${lines.slice(0, 10).join('; ')}`)
    }
    const last = looks[looks.length - 1]
    for (const line of report(last)) print(line)
    compareMemory(last, print)
    compareResident(last, crowd, print)
    const compared = looks.length * KINDS.length * KERNEL_VALUES.length
    return `${compared} sums of each within what the kernel says; none of ours ever fell`
  },
}

/** Lets both watch the crowd, and once more when it has been stopped. */
async function watch({ scope }: CheckContext, crowd: RestlessCrowd): Promise<Look[]> {
  const rules = [{ name: '{{.Matches.kind}}', cmdline: [crowd.pattern] }]
  const options = { rules, children: false, threads: true, smaps: true, recheck: true }
  const exporter = await startExporter(scope, '/proc', options)
  const { url } = await startAgent(
    scope,
    ['--children=false', '--recheck', '--collection.max-age=0', '--process-groups.refresh=0s'],
    JSON.stringify({ process_names: rules }),
  )
  const look = async (): Promise<Look> => {
    const started = performance.now()
    crowd.beginScrape()
    const [theirs, text] = await Promise.all([exporter.scrape(), get(`${url}/metrics`)])
    crowd.endScrape()
    const seconds = (performance.now() - started) / 1000
    const bounds = new Map(KINDS.map((kind) => [kind, crowd.bounds(kind)]))
    return { theirs, ours: parseSamples(text), bounds, seconds }
  }
  // Whatever both count began after them, so they count it from its birth.
  await delay(1500)
  await crowd.start()
  const looks: Look[] = []
  const stop = new AbortController()
  const churn = crowd.churn(stop.signal)
  const end = performance.now() + SECONDS * 1000
  try {
    while (performance.now() < end) {
      // A churn that fails ends the check at once.
      await Promise.race([delay(INTERVAL), churn])
      looks.push(await look())
    }
  } finally {
    stop.abort()
    await churn
  }
  await crowd.freeze()
  looks.push(await look())
  return looks
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

/** What either program says that the kernel never said, as lines for people. */
function* outOfBounds({ theirs, ours, bounds }: Look): Generator<string> {
  for (const [kind, ranges] of bounds) {
    for (const [index, quantity] of KERNEL_VALUES.entries()) {
      const { least, most } = ranges[index]
      for (const [who, samples] of Object.entries({ 'process-exporter': theirs, agent: ours })) {
        const value = sumOf(samples, kind, quantity)
        const isWithin = value >= least && value <= most
        if (!isWithin)
          yield `${kind} ${quantity.title}: ${who} has ${value}, not ${least} to ${most}`
      }
    }
  }
}

/** A line for each quantity that is not zero. */
function* report({ theirs, ours, bounds }: Look): Generator<string> {
  for (const [kind, ranges] of bounds) {
    for (const [index, quantity] of KERNEL_VALUES.entries()) {
      const { scale, title } = quantity
      const { least, most } = ranges[index]
      if (most === 0) continue
      const [there, here] = [theirs, ours].map((samples) => sumOf(samples, kind, quantity) / scale)
      yield `${kind} ${title}: ${least / scale} to ${most / scale}, ${there}, ${here}`
    }
  }
}

/** What stopped processes hold is the same for both. */
function compareMemory({ theirs, ours }: Look, print: (line: string) => void): void {
  for (const kind of KINDS) {
    const parts: string[] = []
    for (const memtype of MEMORY) {
      const quantity = { title: memtype, metric: 'memory_bytes', labels: { memtype }, scale: 1 }
      const [there, here] = [theirs, ours].map((samples) => sumOf(samples, kind, quantity))
      const tolerance = memtype.startsWith('proportional') ? there * SHARED_BY_OTHERS : 0
      const message = `${kind} ${memtype} memory is ${here}, process-exporter has ${there}`
      require(Math.abs(here - there) <= tolerance, message)
      if (there > 0) parts.push(here === there ? `${memtype} ${here}` : message)
    }
    if (parts.length > 0) print(`${kind} memory, equal: ${parts.join(', ')}`)
  }
}

/** Ours is the kernel's own; process-exporter's is behind by what CPUs have not added up yet. */
function compareResident(
  { theirs, ours }: Look,
  crowd: RestlessCrowd,
  print: (line: string) => void,
): void {
  const quantity = { title: '', metric: 'memory_bytes', labels: { memtype: 'resident' }, scale: 1 }
  for (const kind of KINDS) {
    const [there, here] = [theirs, ours].map((samples) => sumOf(samples, kind, quantity))
    const kernel = crowd.resident(kind)
    require(here === kernel, `${kind} resident memory is ${here}, the kernel has ${kernel}`)
    print(`${kind} resident memory: ${kernel}; process-exporter has ${there}`)
  }
}

/** The sum of a group's samples, in the kernel's units. */
function sumOf(samples: readonly Sample[], group: string, quantity: KernelValue): number {
  const wanted = { ...quantity.labels, groupname: group }
  const mine = samples.filter(
    ({ name, labels }) =>
      name === PREFIX + quantity.metric &&
      Object.entries(wanted).every(([label, value]) => labels[label] === value),
  )
  return Math.round(mine.reduce((sum, { value }) => sum + value, 0) * quantity.scale)
}
