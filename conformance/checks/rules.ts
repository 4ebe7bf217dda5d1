import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSamples } from '../../test/support/exposition.ts'
import { processGroups } from '../../test/support/process-groups.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { type Check, require } from '../check.ts'
import { run, type Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'

const RULES = fileURLToPath(new URL('../../deploy/rules/process-groups.yaml', import.meta.url))
const GROUP = { name: 'dockerd', comm: ['dockerd'], labels: { must_run: 'yes' } }
const METRIC = 'namedprocess_namegroup_num_procs'
/** What rules see of the process in a scrape every 15 s. */
const INTERVAL = 15

/** One run of the agent: whether the process is there in each minute, and when the alert must fire. */
interface Case {
  readonly title: string
  readonly minutes: readonly boolean[]
  /** Seconds after the start, and whether it fires then. */
  readonly alerts: readonly (readonly [seconds: number, fires: boolean])[]
}

const CASES: readonly Case[] = [
  {
    title: 'the last process ends after two minutes',
    minutes: [true, true, false, false],
    alerts: [
      [105, false],
      [165, false],
      [180, true],
      [225, true],
    ],
  },
  {
    title: 'the program is absent when the agent starts',
    minutes: [false, false],
    alerts: [
      [45, false],
      [60, true],
    ],
  },
  {
    title: 'it is away for less than a minute',
    minutes: [true, false, true, true],
    alerts: [
      [105, false],
      [120, false],
      [180, false],
    ],
  },
]

export const check: Check = {
  title:
    "the alert on a group without processes fires a minute after its end, by promtool's judgement",

  async run({ scope, print }) {
    await needPackage('prometheus', 'prometheus', 'promtool')
    const checked = await run('promtool', ['check', 'rules', RULES])
    require(checked.code === 0, checked.output)
    const tests = []
    for (const { title, minutes, alerts } of CASES) {
      const { series, values } = await observe(scope, minutes)
      tests.push(ruleTest(title, series, values, alerts))
      print(`${title}: ${values.join(' ')}`)
    }
    const file = join(scope.directory(), 'tests.yaml')
    // JSON is YAML.
    const suite = { rule_files: [RULES], evaluation_interval: `${INTERVAL}s`, tests }
    writeFileSync(file, JSON.stringify(suite))
    const { code, output } = await run('promtool', ['test', 'rules', file])
    require(code === 0, output)
    return `${CASES.length} courses of events, ${CASES.flatMap(({ alerts }) => alerts).length} expectations`
  },
}

/** What the agent itself says of the group in each scrape. */
async function observe(
  scope: Scope,
  minutes: readonly boolean[],
): Promise<{ series: string; values: number[] }> {
  const tree = new ProcfsTree()
  scope.onEnd(() => tree.dispose())
  const groups = processGroups(tree.root, { rules: [GROUP] })
  const values: number[] = []
  let series = ''
  for (const isThere of minutes) {
    if (isThere) tree.set(100, { comm: 'dockerd' })
    else tree.remove(100)
    const samples = parseSamples(await groups.text())
    const found = samples.find(({ name }) => name === METRIC)
    require(found !== undefined, 'there is no series of the group')
    const labels = Object.entries({ ...found.labels, instance: 'node-1' })
    series = `${METRIC}{${labels.map(([label, value]) => `${label}="${value}"`).join(',')}}`
    values.push(...Array<number>(60 / INTERVAL).fill(found.value))
  }
  return { series, values }
}

function ruleTest(title: string, series: string, values: number[], alerts: Case['alerts']) {
  const alert = {
    exp_labels: {
      severity: 'critical',
      groupname: GROUP.name,
      must_run: 'yes',
      instance: 'node-1',
    },
    exp_annotations: {
      summary: 'dockerd has no process on node-1',
      description:
        'No process of the group has been seen for a minute. On the node, `otel-interrogator explain --all` lists what runs.',
    },
  }
  return {
    name: title,
    interval: `${INTERVAL}s`,
    input_series: [{ series, values: values.join(' ') }],
    alert_rule_test: alerts.map(([seconds, fires]) => ({
      eval_time: `${seconds}s`,
      alertname: 'ProcessGroupIsGone',
      exp_alerts: fires ? [alert] : [],
    })),
  }
}
