/**
 * The Prometheus Operator on the node, and a Prometheus with the configuration that the operator makes of PodMonitors,
 * ServiceMonitors and PrometheusRules.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { parse, stringify } from 'yaml'
import { require } from '../check.ts'
import { type KubernetesNode, NODE_IP } from './node.ts'
import type { Programs } from './programs.ts'

const NAME = 'node'
const NAMESPACE = 'monitoring'
const PORT = 9090
const PATIENCE_SECONDS = 60
/** Where the operator's pods have the rules. */
const RULES = `/etc/prometheus/rules/prometheus-${NAME}-rulefiles-0`
/** Everything in every namespace is looked at. The version says which fields the configuration may have. */
const PROMETHEUS = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'Prometheus',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    version: 'v3.5.0',
    scrapeInterval: '5s',
    evaluationInterval: '5s',
    ...Object.fromEntries(
      ['podMonitor', 'serviceMonitor', 'rule'].flatMap((kind) => [
        [`${kind}Selector`, {}],
        [`${kind}NamespaceSelector`, {}],
      ]),
    ),
  },
}

interface Configuration {
  readonly scrape_configs: readonly {
    readonly job_name: string
    readonly kubernetes_sd_configs?: readonly Record<string, unknown>[]
  }[]
  rule_files?: string[]
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** The operator, which may run longer than a Prometheus. */
export async function startOperator(node: KubernetesNode, { directory }: Programs): Promise<void> {
  node.startProgram('prometheus-operator', join(directory, 'operator'), [
    `--apiserver=https://${NODE_IP}:6443`,
    ...['ca', 'admin', 'admin'].map((file, index) => {
      const [flag, extension] = [
        ['ca-file', 'crt'],
        ['cert-file', 'crt'],
        ['key-file', 'key'],
      ][index] as [string, string]
      return `--${flag}=${node.pki(`${file}.${extension}`)}`
    }),
    '--prometheus-config-reloader=quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0',
    '--web.listen-address=127.0.0.1:8085',
  ])
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }
  const objects = [namespace, PROMETHEUS].map((object) => stringify(object)).join('---\n')
  await node.kubectlWith(objects, 'apply', '-f', '-')
}

/**
 * Starts a Prometheus with what the operator has made of the objects that are there.
 *
 * @param monitors how many scrape jobs there must be.
 * @param rules names of PrometheusRules that must be among the files.
 */
export async function startPrometheus(
  node: KubernetesNode,
  program: Programs,
  monitors: number,
  rules: readonly string[],
): Promise<PrometheusOnNode> {
  const deadline = Date.now() + PATIENCE_SECONDS * 1000
  for (;;) {
    const [configuration, files] = await Promise.all([madeConfiguration(node), madeRules(node)])
    const jobs = configuration?.scrape_configs ?? []
    const isWhole = rules.every((rule) => Object.keys(files).some((file) => file.includes(rule)))
    if (configuration !== undefined && jobs.length >= monitors && isWhole) {
      return run(node, program, configuration, files)
    }
    require(Date.now() <
      deadline, `the operator makes ${jobs.length} jobs and the rules ${Object.keys(files)}: ${node.log('prometheus-operator')}`)
    await delay(1000)
  }
}

/** The configuration, which the operator keeps compressed in a Secret. */
async function madeConfiguration(node: KubernetesNode): Promise<Configuration | undefined> {
  const args = ['get', 'secret', `prometheus-${NAME}`, '-n', NAMESPACE, '-o', 'json']
  const { code, output } = await node.tryKubectl(undefined, ...args)
  if (code !== 0) return undefined
  const { data } = JSON.parse(output) as { data: Record<string, string> }
  const packed = Buffer.from(data['prometheus.yaml.gz'] ?? '', 'base64')
  // What the config-reloader of the operator's pod puts in.
  const text = gunzipSync(packed)
    .toString('utf8')
    .replaceAll('$(SHARD)', '0')
    .replaceAll('$(POD_NAME)', `prometheus-${NAME}-0`)
  return parse(text) as Configuration
}

async function madeRules(node: KubernetesNode): Promise<Readonly<Record<string, string>>> {
  const args = ['get', 'configmap', `prometheus-${NAME}-rulefiles-0`, '-n', NAMESPACE, '-o', 'json']
  const { code, output } = await node.tryKubectl(undefined, ...args)
  return code === 0 ? ((JSON.parse(output) as { data?: Record<string, string> }).data ?? {}) : {}
}

async function run(
  node: KubernetesNode,
  program: Programs,
  configuration: Configuration,
  rules: Readonly<Record<string, string>>,
): Promise<PrometheusOnNode> {
  const directory = join(node.state, 'prometheus')
  mkdirSync(join(directory, 'rules'), { recursive: true })
  for (const [file, text] of Object.entries(rules)) {
    writeFileSync(join(directory, 'rules', file), text)
  }
  // What the operator's pod has as files of its service account.
  for (const job of configuration.scrape_configs) {
    for (const discovery of job.kubernetes_sd_configs ?? []) {
      discovery.kubeconfig_file = node.pki('admin.conf')
    }
  }
  configuration.rule_files = (configuration.rule_files ?? []).map((path) =>
    path.replace(RULES, join(directory, 'rules')),
  )
  const file = join(directory, 'prometheus.yaml')
  writeFileSync(file, stringify(configuration))
  node.startProgram('prometheus', join(program.directory, 'prometheus'), [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${PORT}`,
  ])
  const prometheus = new PrometheusOnNode(node)
  await prometheus
    .until('up', (samples) => samples.length > 0)
    .catch((error: Error) => {
      throw new Error(`${error.message}: ${node.log('prometheus')}`)
    })
  return prometheus
}

export class PrometheusOnNode {
  readonly #node: KubernetesNode

  constructor(node: KubernetesNode) {
    this.#node = node
  }

  /** The answer of an instant query. */
  async query(expression: string): Promise<Sample[]> {
    const url = `http://127.0.0.1:${PORT}/api/v1/query?query=${encodeURIComponent(expression)}`
    const body = JSON.parse(await this.#node.fetch(url)) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] }
    }
    return body.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  }

  /** Asks until the answer is as wanted. */
  async until(
    expression: string,
    isRight: (samples: readonly Sample[]) => boolean,
    seconds = PATIENCE_SECONDS,
  ): Promise<Sample[]> {
    const deadline = Date.now() + seconds * 1000
    for (;;) {
      // It may not listen yet.
      const samples = await this.query(expression).catch(() => [])
      if (isRight(samples)) return samples
      require(Date.now() < deadline, `${expression} is ${JSON.stringify(samples)}`)
      await delay(1000)
    }
  }
}
