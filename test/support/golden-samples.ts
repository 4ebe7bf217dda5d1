/** Compares samples with the expectations of a golden case. */
import type { Sample } from './exposition.ts'
import type { Expected } from './golden-cases.ts'

/** Floating-point sums depend on their order. */
const TOLERANCE = 1e-9

/** What is not as expected, as lines for people. */
export function unexpected(samples: readonly Sample[], expected: Expected): string[] {
  const actual = new Map(samples.map((sample) => [sampleKey(sample), sample.value]))
  const lines: string[] = []
  for (const [key, value] of Object.entries(expected)) {
    const found = actual.get(key)
    if (!isSame(found, value)) lines.push(`${key} is ${found}, not ${value}`)
  }
  return lines
}

/** `name{group,other label values}` without the prefix of process groups; labels in the order of their names. */
function sampleKey({ name, labels }: Sample): string {
  const { groupname, ...others } = labels
  const values = Object.keys(others)
    .sort()
    .map((key) => others[key])
  const all = groupname === undefined ? values : [groupname, ...values]
  return `${name.replace('namedprocess_namegroup_', '')}{${all.join(',')}}`
}

function isSame(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Object.is(a, b) || Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b))
}
