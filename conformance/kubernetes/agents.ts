/** The chart installed on a node: one release for each source of names, and what their agents say. */
import { globSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'
import { CHART } from '../deploy/chart.ts'
import { type Resident, residentOf } from '../support/memory.ts'
import { type ApiPod, wrongNames } from './names.ts'
import type { KubernetesNode } from './node.ts'

export const NAMESPACE = 'otel-interrogator'
/** Seconds after which names must be right again. */
const NAMING_SECONDS = 30
const PORT = 9464

/** The series of a thread name end with the last thread that has it, and begin anew. */
const OF_THREADS = /^namedprocess_namegroup_thread_/

/** Counters of a series that must never fall, by name and labels. */
type Counters = ReadonlyMap<string, number>

/** The agent of one release. */
export class Agent {
  readonly release: string
  readonly #node: KubernetesNode
  readonly #helm: string
  readonly #values: readonly string[]
  #pod: ApiPod | undefined
  #counters: Counters = new Map()

  /** @param values of the chart, as `--set` takes them. */
  constructor(node: KubernetesNode, helm: string, release: string, values: readonly string[] = []) {
    this.#node = node
    this.#helm = helm
    this.release = release
    this.#values = values
  }

  /**
   * Installs or upgrades the release, and waits until the agent is Ready.
   *
   * @param values beside those of the release.
   */
  async install(...values: readonly string[]): Promise<void> {
    const target = ['--namespace', NAMESPACE, '--create-namespace', '--wait', '--timeout=120s']
    const args = ['upgrade', '--install', this.release, CHART, ...target]
    const { code, output } = await this.#node.run(this.#helm, [
      ...args,
      ...[...this.#values, ...values].flatMap((value) => ['--set', value]),
    ])
    require(code === 0, `helm upgrade ${this.release}: ${output}`)
    await this.find()
  }

  /** Looks for the agent's pod; its address is then known also while the API server is not there. */
  async find(): Promise<ApiPod> {
    const name = `daemonset/${this.#object}`
    await this.#node.kubectl('-n', NAMESPACE, 'rollout', 'status', name, '--timeout=120s')
    const { items } = await this.#node.get<{ items: ApiPod[] }>(
      ...['pods', '-n', NAMESPACE, `--selector=app.kubernetes.io/instance=${this.release}`],
      '--field-selector=status.phase=Running',
    )
    const before = this.#pod?.metadata.uid
    this.#pod = items.at(-1)
    require(this.#pod !== undefined, `${this.release} has no pod`)
    if (this.#pod.metadata.uid !== before) this.#counters = new Map()
    return this.#pod
  }

  async samples(): Promise<Sample[]> {
    const address = (this.#pod ?? (await this.find())).status.podIP
    return parseSamples(await this.#node.fetch(`http://${address}:${PORT}/metrics`))
  }

  /** What the agent's own metric says; the sum where there are several series. */
  async value(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const found = (await this.samples()).filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    return found.reduce((sum, { value }) => sum + value, 0)
  }

  /** Waits until all names are right, and says how many seconds that took. */
  async untilNamed(): Promise<number> {
    const began = Date.now()
    for (;;) {
      const { items } = await this.#node.get<{ items: ApiPod[] }>('pods', '--all-namespaces')
      const problems = wrongNames(items, await this.samples())
      const seconds = (Date.now() - began) / 1000
      if (problems.length === 0) return seconds
      require(seconds < NAMING_SECONDS, `${this.release}: ${problems.join('; ')}`)
      await delay(1000)
    }
  }

  /**
   * Says which counters have fallen since the last call, in the same process of the agent. The next pod of a StatefulSet has
   * the name of the one before, and counts anew.
   */
  async fallenCounters(): Promise<string[]> {
    const { items } = await this.#node.get<{ items: ApiPod[] }>('pods', '--all-namespaces')
    const uids = new Map(
      items.map(({ metadata: { namespace, name, uid } }) => [`${namespace}/${name}`, uid]),
    )
    const now = new Map<string, number>()
    for (const { name, labels, value } of await this.samples()) {
      if (!name.endsWith('_total') || OF_THREADS.test(name)) continue
      const uid = uids.get(`${labels.namespace}/${labels.pod ?? labels.pod_name}`) ?? ''
      now.set(`${name} ${JSON.stringify(labels)} ${uid}`, value)
    }
    const fallen = [...now].flatMap(([series, value]) => {
      const before = this.#counters.get(series)
      return before !== undefined && value < before ? [`${series}: ${before} to ${value}`] : []
    })
    this.#counters = now
    return fallen
  }

  /** Resident memory of the agent's process, now and at most, in KiB. */
  async residentMemory(): Promise<Resident> {
    const read = "process.stdout.write(fs.readFileSync('/proc/1/status', 'utf8'))"
    const status = await this.#node.kubectl(
      ...['-n', NAMESPACE, 'exec', `daemonset/${this.#object}`, '--'],
      ...['/usr/local/bin/node', '-e', read],
    )
    return residentOf(status)
  }

  /** What the agent has logged since it started, from the node's files: the API server may not be there. */
  log(): string {
    const { name, uid } = this.#pod?.metadata ?? { name: '', uid: '' }
    const files = globSync(`${this.#node.state}/pod-logs/${NAMESPACE}_${name}_${uid}/*/*.log`)
    return files.map((file) => readFileSync(file, 'utf8')).join('')
  }

  /** Name of the release's objects. */
  get #object(): string {
    return this.release.includes('otel-interrogator')
      ? this.release
      : `${this.release}-otel-interrogator`
  }
}
