import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, require } from '../check.ts'
import { ALERTS } from '../rules/alerts.ts'
import { liveThrough } from '../rules/real-course.ts'
import { COURSES, INTERVAL, recordingTest, unitTest } from '../rules/unit-tests.ts'
import { run } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'

export const check: Check = {
  title:
    "the alerts on a group without processes fire a minute after its end, by promtool's judgement",

  async run({ scope, print }) {
    await needPackage('prometheus', 'prometheus', 'promtool')
    const files = ALERTS.map(({ file }) => file)
    const checked = await run('promtool', ['check', 'rules', ...files])
    require(checked.code === 0, checked.output)
    const tests: object[] = [recordingTest()]
    for (const alert of ALERTS) {
      for (const course of COURSES) {
        const { test, values } = await unitTest(alert, course)
        tests.push(test)
        print(`${alert.name}, ${course.title}: ${values}`)
      }
    }
    const file = join(scope.directory(), 'tests.yaml')
    // JSON is YAML.
    const suite = { rule_files: files, evaluation_interval: `${INTERVAL}s`, tests }
    writeFileSync(file, JSON.stringify(suite))
    const { code, output } = await run('promtool', ['test', 'rules', file])
    require(code === 0, output)

    const delays = await Promise.all(ALERTS.map((alert) => liveThrough(scope, alert)))
    for (const [index, { name }] of ALERTS.entries())
      print(`${name}, in Prometheus: fired ${delays[index].toFixed(1)} s after the end`)
    return `${tests.length} courses of events, and ${ALERTS.length} alerts in a real Prometheus`
  },
}
