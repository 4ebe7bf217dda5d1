/** Metrics of cgroups held against the files that they are made of, read just before and just after a collection. */
import type { Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'

interface Quantity {
  readonly file: string
  /** Without the beginning that says of what it is. */
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  /** What the text of the file says, in the metric's unit; undefined when it says nothing, or `max`. */
  readonly read: (text: string) => number | undefined
}

/** A cgroup, and which series are its. */
export interface Subject {
  /** The heading of its files in `filesOf`. */
  readonly cgroup: string
  readonly prefix: 'container' | 'k8s_pod'
  /** The label that names it, and the value. */
  readonly label: string
  readonly value: string
}

export interface Readings {
  readonly before: ReadonlyMap<string, string>
  readonly after: ReadonlyMap<string, string>
  readonly samples: readonly Sample[]
}

/** For the last digit of a double. */
const ROUNDING = 1e-6

const QUANTITIES: readonly Quantity[] = [
  quantity('cpu.stat', 'cpu_time_seconds_total', microseconds('user_usec'), { cpu_mode: 'user' }),
  quantity('cpu.stat', 'cpu_time_seconds_total', microseconds('system_usec'), {
    cpu_mode: 'system',
  }),
  quantity('cpu.stat', 'cpu_throttling_time_seconds_total', microseconds('throttled_usec')),
  quantity('cpu.stat', 'cpu_throttling_throttled_periods_total', keyed('nr_throttled')),
  quantity('cpu.max', 'cpu_limit', (text) => {
    const [quota, period] = text.trim().split(' ').map(Number)
    return isNumber(quota) ? quota / period : undefined
  }),
  ...['cpu', 'memory', 'io'].flatMap((resource) =>
    ['some', 'full'].map((type) =>
      quantity(
        `${resource}.pressure`,
        `${resource}_pressure_time_seconds_total`,
        matched(new RegExp(`^${type} .*total=(\\d+)$`, 'm'), 1e-6),
        { psi_type: type },
      ),
    ),
  ),
  quantity('pids.max', 'thread_limit', single),
  quantity('memory.max', 'memory_limit_bytes', single),
  quantity('memory.events', 'memory_oom_kills_total', keyed('oom_kill')),
  quantity('memory.current', 'memory_usage_bytes', single),
]

/** The files that are to be read, each of them once. */
export const COMPARED_FILES: readonly string[] = [...new Set(QUANTITIES.map(({ file }) => file))]

/**
 * Holds every quantity of a cgroup against the metric: within what the file says, and absent where it says nothing.
 *
 * @returns the files of which a quantity was found, once for each.
 * @throws Error
 */
export function compareWithFiles(
  { cgroup, prefix, label, value }: Subject,
  { before, after, samples }: Readings,
): string[] {
  const held: string[] = []
  for (const { file, metric, labels, read } of QUANTITIES) {
    const name = `${prefix}_${metric}`
    const found = valueFor(samples, name, { ...labels, [label]: value })
    const bounds = [before, after].map((files) => read(files.get(`${cgroup} ${file}`) ?? ''))
    const [least, most] = bounds.sort((one, other) => Number(one) - Number(other))
    const what = `${name} ${JSON.stringify(labels)} of ${cgroup}`
    if (least === undefined || most === undefined) {
      require(found === undefined, `${what} is ${found}, but ${file} does not say so`)
      continue
    }
    require(found !== undefined &&
      found >= least * (1 - ROUNDING) &&
      found <= most * (1 + ROUNDING), `${what} is ${found}, not in ${least}…${most}`)
    held.push(file)
  }
  return held
}

/** The texts of files, which are below headings of their cgroup and name (`--- cgroup file`). */
export function filesOf(part: string): Map<string, string> {
  const parts = part.split(/^--- (\S+ \S+)\n/m)
  const found = new Map<string, string>()
  for (let index = 1; index < parts.length; index += 2) found.set(parts[index], parts[index + 1])
  return found
}

/** The value of the first sample that has the labels, and maybe others. */
export function valueFor(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>>,
): number | undefined {
  return samples.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value
}

function quantity(
  file: string,
  metric: string,
  read: Quantity['read'],
  labels: Quantity['labels'] = {},
): Quantity {
  return { file, metric, read, labels }
}

function microseconds(key: string): Quantity['read'] {
  return matched(new RegExp(`^${key} (\\d+)$`, 'm'), 1e-6)
}

function keyed(key: string): Quantity['read'] {
  return matched(new RegExp(`^${key} (\\d+)$`, 'm'), 1)
}

function single(text: string): number | undefined {
  return matched(/^(\d+)$/m, 1)(text)
}

function matched(pattern: RegExp, unit: number): Quantity['read'] {
  return (text) => {
    const found = pattern.exec(text)?.[1]
    return found === undefined ? undefined : Number(found) * unit
  }
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value)
}
