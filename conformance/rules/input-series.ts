/** What an agent serves over time, in the form of the tests of `promtool test rules`. */
import { parseSamples, type Sample } from '../../test/support/exposition.ts'

export interface InputSeries {
  readonly series: string
  readonly values: string
}

/** Labels of the target, which Prometheus adds. */
export const NODE = { job: 'node-agent', instance: 'node-1' }

/**
 * The series of scrapes, in their order. What one of them doesn't have is `_`, which is no sample.
 *
 * @param isWanted by default everything is.
 */
export function inputSeries(
  texts: readonly string[],
  isWanted: (sample: Sample) => boolean = () => true,
): InputSeries[] {
  const found = new Map<string, string[]>()
  for (const [index, text] of texts.entries()) {
    for (const sample of parseSamples(text)) {
      if (!isWanted(sample)) continue
      const pairs = Object.entries({ ...sample.labels, ...NODE })
      const labels = pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`)
      const series = `${sample.name}{${labels.join(',')}}`
      const values = found.get(series) ?? Array<string>(texts.length).fill('_')
      values[index] = String(sample.value)
      found.set(series, values)
    }
  }
  return [...found].map(([series, values]) => ({ series, values: values.join(' ') }))
}
