/** promtool's judgement of what /metrics gives. */
import { require } from '../check.ts'
import { run } from './children.ts'
import { needPackage } from './packages.ts'

/** Names that process-exporter gave long ago, and names that end in "count" by OpenTelemetry's conventions. */
const KNOWN =
  /^(namedprocess_scrape_\w+ counter metrics should have "_total"|(namedprocess_namegroup_thread|(procgroup|workload|container|k8s_pod|cgroup|process)_(\w+))_count non-histogram and non-summary metrics should not have "_count") suffix$/

/**
 * Lints the text with promtool.
 *
 * @returns what to print.
 * @throws when it finds what is not known.
 */
export async function lintWithPromtool(text: string): Promise<string> {
  await needPackage('prometheus', 'prometheus', 'promtool')
  const { code, output } = await run('promtool', ['check', 'metrics'], text)
  const findings = output.split('\n').filter((line) => line !== '')
  const errors = findings.filter((line) => !KNOWN.test(line))
  // Exit code 3 is advice on names; what is not known among it is ours.
  require(errors.length === 0 && (code === 0 || code === 3), `promtool: ${errors.join('; ')}`)
  return `promtool: ${findings.length} names known to displease it, no other finding`
}
