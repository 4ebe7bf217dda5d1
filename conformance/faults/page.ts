/** Invariants of a page of metrics, and from one page to the next. */
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'

export interface Page {
  readonly samples: readonly Sample[]
  /** Values by series, of the families that are counters. */
  readonly counters: ReadonlyMap<string, number>
}

/**
 * @param odd families that may have values below zero or infinite ones.
 * @throws Error when a line is no sample, a series is there twice, a value is no number, or a counter is below zero.
 */
export function readPage(text: string, odd: ReadonlySet<string> = new Set()): Page {
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
  )
  const samples = parseSamples(text)
  const seen = new Set<string>()
  const counters = new Map<string, number>()
  for (const { name, labels, value } of samples) {
    const key = `${name}${JSON.stringify(labels)}`
    require(!seen.has(key), `${key} is there twice`)
    seen.add(key)
    require(types.has(name), `${name} has no type`)
    require(!Number.isNaN(value), `${key} is no number`)
    const isUsual = value >= 0 && Number.isFinite(value)
    require(isUsual || odd.has(name), `${key} is ${value}`)
    if (types.get(name) === 'counter') counters.set(key, value)
  }
  return { samples, counters }
}

/** @throws Error when a counter is lower than it was. */
export function requireNoFall(before: Page, after: Page): void {
  for (const [key, value] of after.counters) {
    const previous = before.counters.get(key) ?? 0
    require(value >= previous, `${key} fell from ${previous} to ${value}`)
  }
}
