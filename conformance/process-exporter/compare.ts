/** Compares what process-exporter and the agent say of the same tree, apart from the deviations that are meant. */
import type { Sample } from '../../test/support/exposition.ts'

const PREFIX = 'namedprocess_namegroup_'
/** Floating-point sums depend on their order. */
const TOLERANCE = 1e-9
/** What process-exporter says of a group without members: the year 1. */
const NO_START = -62_135_596_800

/**
 * The differences, as lines for people.
 *
 * @param strict whether none is meant.
 */
export function differences(
  theirs: readonly Sample[],
  ours: readonly Sample[],
  strict: boolean,
): string[] {
  const threaded = threadedGroups(ours)
  const absent = absentGroups(ours)
  const known = new Set(theirs.map(({ labels }) => labels.groupname))
  // Here a rule with a fixed name has a group before it has any process.
  const isAhead = ({ labels: { groupname } }: Sample) =>
    absent.has(groupname) && !known.has(groupname)
  const isMeant = (sample: Sample) =>
    strict ? !sample.name.startsWith('namedprocess_') : isDeviation(sample, threaded)
  const expected = byKey(theirs.filter((sample) => !isMeant(sample)))
  const actual = byKey(ours.filter((sample) => !isMeant(sample) && (strict || !isAhead(sample))))
  const lines: string[] = []
  for (const [key, value] of expected) {
    const found = actual.get(key)
    if (found === undefined) lines.push(`${key} is missing, process-exporter has ${value}`)
    else if (!isSame(value, found)) lines.push(`${key} is ${found}, process-exporter has ${value}`)
  }
  for (const [key, value] of actual) {
    // Single threads have rows here, and none there.
    const isMeantToBeNew = !strict && key.startsWith(`${PREFIX}thread_`)
    if (!isMeantToBeNew && !expected.has(key))
      lines.push(`${key} is ${value}, process-exporter has none`)
  }
  return lines
}

/**
 * Deviations that are meant: the health counters; the start of an empty group; the states and wait channels of
 * processes with several threads, which process-exporter counts once too often.
 */
function isDeviation({ name, labels, value }: Sample, threaded: ReadonlySet<string>): boolean {
  if (!name.startsWith(PREFIX)) return true
  if (name === `${PREFIX}oldest_start_time_seconds`) return value === NO_START
  const isByThread = name === `${PREFIX}states` || name === `${PREFIX}threads_wchan`
  return isByThread && threaded.has(labels.groupname)
}

/** Groups without processes. */
function absentGroups(samples: readonly Sample[]): Set<string | undefined> {
  const absent = samples.filter(({ name, value }) => name === `${PREFIX}num_procs` && value === 0)
  return new Set(absent.map(({ labels }) => labels.groupname))
}

/** Groups that have more threads than processes. */
function threadedGroups(samples: readonly Sample[]): Set<string> {
  const value = (name: string, group: string | undefined) =>
    samples.find((sample) => sample.name === PREFIX + name && sample.labels.groupname === group)
      ?.value
  const groups = new Set(samples.map(({ labels }) => labels.groupname))
  return new Set(
    [...groups].filter(
      (group): group is string =>
        group !== undefined && value('num_threads', group) !== value('num_procs', group),
    ),
  )
}

function byKey(samples: readonly Sample[]): Map<string, number> {
  return new Map(
    samples.map(({ name, labels, value }) => [
      `${name}${JSON.stringify(Object.entries(labels).sort())}`,
      value,
    ]),
  )
}

function isSame(a: number, b: number): boolean {
  return Object.is(a, b) || Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a))
}
