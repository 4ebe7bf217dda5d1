import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { RULES, TO_BE_COPIED } from '../../deploy/generate/prometheus-rule.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { AGENT_CASES } from '../rules/agent-alert-cases.ts'
import { alertTest } from '../rules/alert-cases.ts'
import { ALERTS } from '../rules/alerts.ts'
import { liveThrough } from '../rules/live-alerts.ts'
import { PRESSURE_CASES } from '../rules/pressure-alert-cases.ts'
import { INTERVAL, recordingTest, TIMELINES, unitTest } from '../rules/unit-tests.ts'
import { run } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'

const CASES = [...PRESSURE_CASES, ...AGENT_CASES]

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly { readonly alert?: string }[] }[]
}

export const check: Check = {
  title: "alerts fire when they must and not otherwise, in promtool's tests and in Prometheus",

  async run(context) {
    const { scope, print } = context
    await needPackage('prometheus', 'prometheus', 'promtool')
    const files = globSync(join(RULES, '*.yaml')).sort()
    const checked = await run('promtool', ['check', 'rules', ...files])
    require(checked.code === 0, checked.output)
    const untested = files.flatMap(alertsOf).filter((name) => !isTested(name))
    require(untested.length === 0, `nothing tests ${untested.join(', ')}`)

    const tests: object[] = [recordingTest()]
    for (const alert of ALERTS) {
      for (const timeline of TIMELINES) {
        const { test, values } = await unitTest(alert, timeline)
        tests.push(test)
        print(`${alert.name}, ${timeline.title}: ${values}`)
      }
    }
    const ofGroups = ALERTS.map(({ file }) => file)
    await runRuleTests(context, ofGroups, `${INTERVAL}s`, tests)
    const cases: object[] = []
    for (const alertCase of CASES) cases.push(await alertTest(alertCase))
    const general = files.filter((file) => basename(file) !== TO_BE_COPIED)
    await runRuleTests(context, general, '1m', cases)
    print(`${cases.length} cases: each alert alone, after its time and no longer`)

    const delays = await Promise.all(ALERTS.map((alert) => liveThrough(scope, alert)))
    for (const [index, { name }] of ALERTS.entries())
      print(`${name}, in Prometheus: fired ${delays[index].toFixed(1)} s after the end`)
    const courses = tests.length + cases.length
    return `${courses} courses of events, and ${ALERTS.length} alerts in a real Prometheus`
  },
}

/** Lets promtool run tests of rules. */
async function runRuleTests(
  { scope }: CheckContext,
  rule_files: readonly string[],
  evaluation_interval: string,
  tests: readonly object[],
): Promise<void> {
  const file = join(scope.directory(), 'tests.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ rule_files, evaluation_interval, tests }))
  const { code, output } = await run('promtool', ['test', 'rules', file])
  require(code === 0, output)
}

function alertsOf(file: string): string[] {
  const { groups } = parse(readFileSync(file, 'utf8')) as RuleFile
  return groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []))
}

function isTested(name: string): boolean {
  return ALERTS.some((alert) => alert.name === name) || CASES.some(({ alert }) => alert === name)
}
