import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSeconds } from '../bench/subjects.ts'
import { type Check, require } from '../check.ts'
import { startAgent } from '../support/agent.ts'
import { run } from '../support/children.ts'
import { get } from '../support/http.ts'
import { needPackage } from '../support/packages.ts'
import { query, startPrometheus } from '../support/prometheus.ts'
import { lintWithPromtool } from '../support/promtool.ts'

const SECONDS = 60
const BUSY = 'busy-loop'
/** A rate over a minute of scrapes misses up to two scrape intervals at its ends. */
const TOLERANCE = 0.05

/** What dashboards for process-exporter ask. */
const DASHBOARD_QUERIES = [
  'rate(namedprocess_namegroup_cpu_seconds_total{groupname=~".+"}[1m])',
  'rate(namedprocess_namegroup_read_bytes_total{groupname=~".+"}[1m])',
  'rate(namedprocess_namegroup_write_bytes_total{groupname=~".+"}[1m])',
  'namedprocess_namegroup_memory_bytes{memtype="resident"}',
  'namedprocess_namegroup_memory_bytes{memtype="virtual"}',
  'namedprocess_namegroup_memory_bytes{memtype="proportionalResident"}',
  'namedprocess_namegroup_num_procs',
  'namedprocess_namegroup_open_filedesc',
  'rate(namedprocess_namegroup_context_switches_total{ctxswitchtype="nonvoluntary"}[1m])',
  'namedprocess_namegroup_states{state="Running"} > 0',
  'sum without(mode) (rate(namedprocess_namegroup_thread_cpu_seconds_total[1m]))',
]

export const check: Check = {
  title: 'a real Prometheus scrapes the agent for a minute and sees a busy loop for what it is',

  async run({ scope, print }) {
    await needPackage('prometheus', 'prometheus', 'promtool')
    const program = join(scope.directory(), BUSY)
    copyFileSync('/bin/bash', program)
    const busy = scope.spawn(program, ['-c', 'while :; do :; done'])
    const { url } = await startAgent(scope)
    print(await lintWithPromtool(await get(`${url}/metrics`)))
    print(await parseOpenMetrics(await get(`${url}/metrics`, { accept: OPEN_METRICS })))

    const prometheus = await startPrometheus(scope, new URL(url).host)
    const isUp = async () => (await query(prometheus, 'up')).at(0)?.value === 1
    while (!(await isUp())) await delay(200)
    const before = cpuSeconds(busy.pid as number)
    const started = performance.now()
    await delay(SECONDS * 1000)
    const used = (cpuSeconds(busy.pid as number) - before) / ((performance.now() - started) / 1000)

    const down = (await query(prometheus, `count_over_time((up == 0)[${SECONDS}s:1s])`)).at(0)
    require(down === undefined, `up was 0 at ${down?.value} of ${SECONDS} seconds`)
    const rates = await query(
      prometheus,
      'sum without(mode) (rate(namedprocess_namegroup_cpu_seconds_total{groupname!~"conmon.*"}[1m]))',
    )
    const rate = rates.find(({ labels }) => labels.groupname === BUSY)?.value ?? Number.NaN
    print(`the busy loop used ${used.toFixed(3)} CPUs; Prometheus says ${rate.toFixed(3)}`)
    require(Math.abs(rate / used - 1) < TOLERANCE, `the rate is ${rate}, the loop used ${used}`)
    for (const expression of DASHBOARD_QUERIES) {
      const series = await query(prometheus, expression)
      require(series.length > 0, `no data for ${expression}`)
    }
    print(`${DASHBOARD_QUERIES.length} dashboard queries give data`)
    return `rate over the loop's own CPU clock ${(rate / used).toFixed(3)}, up for ${SECONDS} s`
  },
}

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0'
const PARSER_FILE = '/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py'
const PARSER = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(sum(len(family.samples) for family in text_string_to_metric_families(sys.stdin.read())))
`

/** Lets the reference parser of OpenMetrics read the text. @returns what to print. */
async function parseOpenMetrics(text: string): Promise<string> {
  await needPackage('python3-prometheus-client', PARSER_FILE)
  const { code, output } = await run('/usr/bin/python3', ['-c', PARSER], text)
  require(code === 0 && text.endsWith('# EOF\n'), `OpenMetrics: ${output}`)
  return `OpenMetrics: the reference parser reads ${output.trim()} samples`
}
