/** A build of `deploy/` on a node: applied, Ready, and held against what it promises. */

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAllDocuments, stringify } from 'yaml'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { require } from '../check.ts'
import { agentsOf, type Build, type KubeObject, withVariables } from '../deploy/manifests.ts'
import { type ApiPod, wrongNames } from './names.ts'
import type { KubernetesNode } from './node.ts'

const AGENT = 'otel-interrogator'
const PROBE = readFileSync(new URL('probe.mjs', import.meta.url), 'utf8')
/** What the agent's own process prints that has imported the probe. */
const PROBED = /^probed (\{.*\})$/m
const PROBE_SECONDS = 30
/** What every service account may do: ask who it is, and read what the API server is. */
const OF_EVERYBODY = /^(?:selfsubject\w+\.|\s|\[)/
/** A name may take this long. */
const NAMING_SECONDS = 30
/** A container that can't start is started again after 10 s. */
const RESTART_SECONDS = 90
const BROKEN = '{ nothing that anybody could read'

/** What the probe could do in the agent's container. */
export interface Probed {
  readonly own: { readonly uid: number; readonly gid: number; readonly groups: string }
  readonly writable: readonly string[]
  readonly roots: {
    readonly tried: number
    readonly reached: number
    /** Where it made a directory at the top, in /tmp or in /dev/shm. */
    readonly written: number
    /** Writable for it although not for everyone; not looked for by root. */
    readonly closed: readonly string[]
  }
  readonly sockets: Readonly<Record<string, string>>
  readonly startsPrograms: boolean
  /** Number of other processes in its PID namespace that it could signal. */
  readonly signalled: number
}

/** A build whose agents import the probe, with further variables. */
export function withProbe(yaml: string, variables: Readonly<Record<string, string>> = {}): string {
  const module = `data:text/javascript;base64,${Buffer.from(PROBE).toString('base64')}`
  const all = { NODE_OPTIONS: `--import=${module}`, ...variables }
  const objects = parseAllDocuments(yaml).map((document) => document.toJS() as KubeObject)
  for (const agent of agentsOf(objects)) Object.assign(agent, withVariables(agent, all))
  // JSON is YAML, of which versions differ in whether `off` is a text.
  return objects.map((object) => JSON.stringify(object)).join('\n---\n')
}

interface DaemonSet {
  readonly status: { readonly numberAvailable?: number }
}

export class AppliedBuild {
  readonly name: string
  readonly objects: readonly KubeObject[]
  readonly #node: KubernetesNode
  readonly #yaml: string
  readonly #namespace: string
  /** The DaemonSet, as kubectl takes it. */
  readonly #daemonSet: string
  /** That of its pods. */
  readonly #selector: string
  readonly #account: string

  constructor(node: KubernetesNode, { name, yaml }: Build) {
    this.#node = node
    this.name = name
    this.#yaml = yaml
    this.objects = parseAllDocuments(yaml).map((document) => document.toJS() as KubeObject)
    const daemonSet = this.objects.find(({ kind }) => kind === 'DaemonSet')
    const template = daemonSet?.spec?.template
    require(template !== undefined, `${name} has no DaemonSet`)
    this.#namespace = daemonSet?.metadata.namespace ?? ''
    this.#daemonSet = `daemonset/${daemonSet?.metadata.name}`
    const labels = Object.entries(template.metadata.labels)
    this.#selector = labels.map(([key, value]) => `${key}=${value}`).join(',')
    this.#account = template.spec.serviceAccountName
  }

  /** Applies it and waits until the agent is Ready. */
  async apply(): Promise<void> {
    await this.#node.kubectlWith(this.#yaml, 'apply', '-f', '-')
    const status = ['rollout', 'status', this.#daemonSet, '--timeout=120s']
    await this.#node.kubectl('-n', this.#namespace, ...status)
  }

  /** What a second `kubectl apply`, and `kubectl diff`, would change. */
  async changesAgain(): Promise<string[]> {
    const again = await this.#node.kubectlWith(this.#yaml, 'apply', '-f', '-')
    const changed = again.split('\n').filter((line) => line !== '' && !line.endsWith(' unchanged'))
    const diff = () => this.#node.tryKubectl(this.#yaml, 'diff', '-f', '-')
    if ((await diff()).code === 0) return changed
    // A controller may have written a status between the two readings that are compared; what is never clean differs again.
    const { code, output } = await diff()
    return code === 0 ? changed : [...changed, output]
  }

  /**
   * Rolls out each configuration broken, in a ConfigMap of another name as kustomize does, until the container that reads it
   * has been restarted; then the right one again.
   *
   * @returns which broken configurations would have been rolled out to the next node.
   */
  async brokenRollOuts(): Promise<string[]> {
    const rolledOut: string[] = []
    for (const { kind, metadata, data = {} } of this.objects) {
      if (kind !== 'ConfigMap') continue
      for (const key of Object.keys(data)) {
        const before = (await this.#newestPod())?.metadata.uid
        await this.#applyBroken(metadata.name, key)
        await this.#untilRestarted(before)
        const { status } = await this.#node.get<DaemonSet>('-n', this.#namespace, this.#daemonSet)
        // The controller goes on to further nodes as soon as a pod is available.
        if (status.numberAvailable !== undefined) rolledOut.push(key)
      }
    }
    await this.apply()
    return rolledOut
  }

  async #applyBroken(configMap: string, key: string): Promise<void> {
    const broken = this.objects.map((object) =>
      object.kind === 'ConfigMap' && object.metadata.name === configMap
        ? { ...object, data: { ...object.data, [key]: BROKEN } }
        : object,
    )
    const yaml = broken.map((object) => stringify(object)).join('---\n')
    const other = `${configMap}-${key.replaceAll('.', '-')}`
    const text = yaml.replaceAll(new RegExp(`\\b${configMap}$`, 'gm'), other)
    await this.#node.kubectlWith(text, 'apply', '-f', '-')
  }

  /** Waits until a container of a pod that is newer has ended and was started again. */
  async #untilRestarted(before: string | undefined): Promise<void> {
    const deadline = Date.now() + RESTART_SECONDS * 1000
    for (;;) {
      const pod = await this.#newestPod()
      const containers = pod?.status.containerStatuses ?? []
      const isRestarted = containers.some(({ restartCount = 0 }) => restartCount > 0)
      if (pod?.metadata.uid !== before && isRestarted) return
      require(Date.now() <
        deadline, `${this.name}: a broken configuration does not end what reads it`)
      await delay(500)
    }
  }

  async #newestPod(): Promise<ApiPod | undefined> {
    const { items } = await this.#node.get<{ items: ApiPod[] }>(
      ...['pods', '-n', this.#namespace, `--selector=${this.#selector}`],
      '--sort-by=.metadata.creationTimestamp',
    )
    return items.at(-1)
  }

  /** Removes everything but the namespace. */
  async remove(): Promise<void> {
    const rest = this.objects.filter(({ kind }) => kind !== 'Namespace')
    const yaml = rest.map((object) => stringify(object)).join('---\n')
    await this.#node.kubectlWith(yaml, 'delete', '--ignore-not-found', '-f', '-')
    const wait = ['wait', '--for=delete', 'pod', `--selector=${this.#selector}`, '--timeout=60s']
    await this.#node.kubectl('-n', this.#namespace, ...wait)
  }

  /** Says which rights the service account has beside those of the objects, and which of them it lacks. */
  async differentRights(): Promise<string[]> {
    const account = `system:serviceaccount:${this.#namespace}:${this.#account}`
    const list = await this.#node.kubectl(
      ...[
        'auth',
        'can-i',
        '--list',
        '--no-headers',
        '--namespace',
        this.#namespace,
        '--as',
        account,
      ],
    )
    const has = list
      .split('\n')
      .filter((line) => line !== '' && !OF_EVERYBODY.test(line))
      .map((line) => {
        const [resource = '', verbs = ''] = /^(\S+).*\[([^\]]*)\]\s*$/.exec(line)?.slice(1) ?? []
        return `${verbs.split(' ').sort().join(',')} ${resource}`
      })
    const wants = rulesOf(this.objects, this.#account)
    return [...new Set(has).symmetricDifference(new Set(wants))]
  }

  /** Waits until all names are right; gives the seconds that it took. */
  async untilNamed(hasNames = true): Promise<number> {
    return await untilNamed(this.#node, () => this.samples(), hasNames)
  }

  /** The agent's pod. */
  async pod(): Promise<ApiPod> {
    const { items } = await this.#node.get<{ items: ApiPod[] }>(
      ...[
        'pods',
        '-n',
        this.#namespace,
        `--selector=${this.#selector}`,
        '--field-selector=status.phase=Running',
      ],
    )
    const pod = items.at(-1)
    require(pod !== undefined, `${this.name}: the agent has no pod`)
    return pod
  }

  /** What the agent has logged. */
  log(): Promise<string> {
    return this.#node.kubectl('-n', this.#namespace, 'logs', this.#daemonSet, '-c', AGENT)
  }

  /** What /metrics says, asked for within the container. */
  async samples(): Promise<Sample[]> {
    const { metadata } = await this.pod()
    const page = `fetch('http://localhost:${this.port}/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))`
    const text = await this.exec(metadata.name, '/usr/local/bin/node', '-e', page)
    return parseSamples(text.slice(text.indexOf('# ')))
  }

  /** What the probe could do in the agent's own process, of a build `withProbe`. */
  async probeOwnProcess(): Promise<Probed> {
    const { metadata } = await this.pod()
    const deadline = Date.now() + PROBE_SECONDS * 1000
    for (;;) {
      const args = ['-n', this.#namespace, 'logs', metadata.name, '-c', AGENT]
      const [, found] = PROBED.exec(await this.#node.kubectl(...args)) ?? []
      if (found !== undefined) return JSON.parse(found) as Probed
      require(Date.now() < deadline, `${this.name}: no answer of the probe in the agent's process`)
      await delay(500)
    }
  }

  /** What the probe could do as a program that is started in the agent's container. */
  async probe(): Promise<Probed> {
    const { metadata } = await this.pod()
    const node = ['/usr/local/bin/node', '--input-type=module', '-']
    const args = ['exec', '-i', metadata.name, '-c', AGENT, '--', ...node]
    const output = await this.#node.kubectlWith(PROBE, '-n', this.#namespace, ...args)
    return JSON.parse(output.slice(output.indexOf('{"own"'))) as Probed
  }

  exec(pod: string, ...command: readonly string[]): Promise<string> {
    return this.#node.kubectl('-n', this.#namespace, 'exec', pod, '-c', AGENT, '--', ...command)
  }

  /** Where the agent listens. */
  get port(): number {
    const ports = agentsOf(this.objects).flatMap((agent) => agent.ports ?? [])
    const port = ports.find(({ name }) => name === 'metrics')?.containerPort
    require(port !== undefined, `${this.name}: the agent has no port`)
    return port
  }
}

/** Waits until every running container has its names on the agent's page; gives the seconds that it took. */
async function untilNamed(
  node: KubernetesNode,
  samples: () => Promise<Sample[]>,
  hasNames = true,
): Promise<number> {
  const began = Date.now()
  for (;;) {
    const { items } = await node.get<{ items: ApiPod[] }>('pods', '--all-namespaces')
    const problems = await samples().then(
      (found) => wrongNames(items, found, hasNames),
      (error: Error) => [error.message],
    )
    const seconds = (Date.now() - began) / 1000
    if (problems.length === 0) return seconds
    require(seconds < NAMING_SECONDS, problems.join('; '))
    await delay(500)
  }
}

/** The rights that the objects grant to a service account of theirs, one for each resource. */
function rulesOf(objects: readonly KubeObject[], account: string): string[] {
  const bound = objects.filter(({ subjects = [] }) => subjects.some(({ name }) => name === account))
  return bound.flatMap(({ roleRef }) =>
    objects
      .filter(({ kind, metadata }) => kind === roleRef?.kind && metadata.name === roleRef?.name)
      .flatMap(({ rules = [] }) =>
        rules.flatMap(({ apiGroups, resources, verbs }) =>
          resources.map((resource) => {
            const [group = ''] = apiGroups
            return `${[...verbs].sort().join(',')} ${group === '' ? resource : `${resource}.${group}`}`
          }),
        ),
      ),
  )
}
