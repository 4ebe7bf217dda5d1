import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Check, require } from '../check.ts'
import { differences, renderChart } from '../deploy/chart.ts'
import { agentsOf, buildAll, type KubeObject } from '../deploy/manifests.ts'
import { danglingNames } from '../deploy/references.ts'
import { refusedRights, unexplainedRights } from '../deploy/rights.ts'
import { unknownSettings } from '../deploy/settings.ts'
import { differentStarts } from '../deploy/start-commands.ts'
import { buildPrograms } from '../kubernetes/programs.ts'
import { run } from '../support/children.ts'
import { buildGo } from '../support/go.ts'
import { isInstalled, MissingPeer, needPackage } from '../support/packages.ts'

const VALIDATOR = fileURLToPath(new URL('../deploy/validate', import.meta.url))
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const UNIT = fileURLToPath(new URL('../../deploy/host/otel-interrogator.service', import.meta.url))
const RULE_SCRIPT = fileURLToPath(
  new URL('../../deploy/generate/prometheus-rule.ts', import.meta.url),
)
const RULE = new URL(
  '../../deploy/components/prometheus-operator/prometheus-rule.yaml',
  import.meta.url,
)
/** Files of dependencies, with the Kubernetes that each names. */
const TYPES = ['go.mod', 'older.mod'] as const
/** What the chart is rendered for. */
const CLUSTER = 'v1.35.0'
/** Errors that a strict reading must find, put into a good stream. */
const MISTAKES: Readonly<Record<string, readonly [string, string]>> = {
  'a field that is misspelt': ['readOnlyRootFilesystem:', 'readonlyRootFilesystem:'],
  'a field that stands twice': ['enableServiceLinks: false', '$&\n      $&'],
  'a kind that is not there': ['kind: DaemonSet', 'kind: DemonSet'],
  'a number that is a text': ['runAsUser: 0', 'runAsUser: root'],
}

export const check: Check = {
  title: "every object of deploy/ is of Kubernetes' types, and asks for what the agent knows",

  async run({ scope, print }) {
    if (!isInstalled('kubectl')) throw new MissingPeer('kubectl is not installed')
    const validators = new Map<string, string>()
    for (const modfile of TYPES) {
      const version = kubernetesOf(modfile)
      validators.set(version, await buildGo(VALIDATOR, `kubernetes-${version}`, modfile))
    }
    const builds = await buildAll(scope)
    const [base] = builds
    for (const [version, validator] of validators) {
      for (const [mistake, [good, bad]] of Object.entries(MISTAKES)) {
        const wrong = base.yaml.replace(good, bad)
        const { code } = await run(validator, [], wrong)
        require(wrong !== base.yaml && code !== 0, `Kubernetes ${version} takes ${mistake}`)
      }
    }
    print(`${Object.keys(MISTAKES).join(', ')}: each is refused`)

    const helm = join((await buildPrograms(scope, 'helm', print)).directory, 'helm')
    let checked = 0
    const images = new Set<string>()
    for (const build of builds) {
      const { name, yaml } = build
      const different = differences(build, await renderChart(helm, name, CLUSTER))
      require(different.length === 0, `${name}, by the chart: ${different.join('; ')}`)
      let objects: KubeObject[] = []
      for (const [version, validator] of validators) {
        const { code, output } = await run(validator, [], yaml)
        require(code === 0, `${name}, Kubernetes ${version}: ${output}`)
        objects = JSON.parse(output) as KubeObject[]
      }
      const problems = [
        ...danglingNames(objects),
        ...unexplainedRights(objects),
        ...refusedRights(objects),
        ...(await unknownSettings(scope, MAIN, objects)),
      ]
      require(problems.length === 0, `${name}: ${problems.join('; ')}`)
      for (const { image } of agentsOf(objects)) images.add(image)
      checked += objects.length
      print(`${name}: ${objects.map(({ kind }) => kind).join(', ')}`)
    }

    const starts = differentStarts([...images])
    require(starts.length === 0, starts.join('; '))
    await needPackage('systemd', 'systemd-analyze')
    const verified = await run('systemd-analyze', ['verify', '--man=no', UNIT])
    // Whether a program is at its place is the host's affair.
    const complaints = verified.output.split('\n').filter((line) => line.includes(`${UNIT}:`))
    require(complaints.length === 0, complaints.join('; '))
    const analysis = await run('systemd-analyze', ['security', '--offline=true', UNIT])
    print(analysis.output.trim().split('\n').at(-1) ?? '')
    const { output: rule } = await run(process.execPath, [RULE_SCRIPT])
    require(rule === readFileSync(RULE, 'utf8'), 'the PrometheusRule is stale: npm run docs')
    const versions = [...validators.keys()].join(' and ')
    return `${checked} objects of ${builds.length} builds, equal to the chart's, by the types of Kubernetes ${versions}`
  },
}

function kubernetesOf(modfile: string): string {
  const text = readFileSync(`${VALIDATOR}/${modfile}`, 'utf8')
  return /k8s\.io\/api v0\.(\S+)/.exec(text)?.[1].replace(/^/, '1.') ?? 'of no version'
}
