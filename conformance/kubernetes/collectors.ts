/**
 * What the Collector's chart and the OpenTelemetry Operator make of the files in `otel/`. Neither can be had from the Go
 * module proxy, so both are written down here, as chart 0.170.0 and operator 0.158.0 do it.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { require } from '../check.ts'
import type { Build, KubeObject } from '../deploy/manifests.ts'
import { run } from '../support/children.ts'

const NAMESPACE = 'observability'
const RELEASE = 'otel'
const CHART = 'opentelemetry-collector'
/** A variable, as configurations of the Collector refer to it. */
const POD_IP = `\${env:MY_POD_IP}`
const VALUES = new URL('../../otel/values-helm.yaml', import.meta.url)
const RESOURCE = new URL('../../otel/opentelemetrycollector.yaml', import.meta.url)

type Json = Readonly<Record<string, unknown>>

/** The values of the chart that the file sets. */
interface Values {
  readonly image: { readonly repository: string; readonly tag: string }
  readonly resources: { readonly limits: { readonly memory: string } }
  readonly ports: Readonly<Record<string, { readonly enabled: boolean }>>
  readonly config: Json
  readonly extraVolumes: readonly Json[]
  readonly extraContainers: readonly Json[]
}

interface CustomResource {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: {
    readonly image: string
    readonly serviceAccount: string
    readonly env: readonly Json[]
    readonly resources: Json
    readonly volumes: readonly Json[]
    readonly additionalContainers: readonly Json[]
    readonly config: Json & {
      readonly extensions: Readonly<Record<string, { readonly endpoint: string }>>
      readonly service: Json
    }
  }
}

/** What the chart gives its Collector in the mode `daemonset`, with the preset `kubernetesAttributes`. */
const CHART_CONFIGURATION: Json = {
  receivers: {
    jaeger: {
      protocols: {
        grpc: { endpoint: address(14250) },
        thrift_compact: { endpoint: address(6831) },
        thrift_http: { endpoint: address(14268) },
      },
    },
    otlp: {
      protocols: { grpc: { endpoint: address(4317) }, http: { endpoint: address(4318) } },
    },
    prometheus: {
      config: {
        scrape_configs: [
          {
            job_name: CHART,
            scrape_interval: '10s',
            static_configs: [{ targets: [address(8888)] }],
          },
        ],
      },
    },
    zipkin: { endpoint: address(9411) },
  },
  processors: {
    batch: {},
    memory_limiter: { check_interval: '5s', limit_percentage: 80, spike_limit_percentage: 25 },
    k8s_attributes: {
      filter: { node_from_env_var: 'K8S_NODE_NAME' },
      passthrough: false,
      extract: { otel_annotations: true },
    },
  },
  exporters: { debug: {} },
  extensions: { health_check: { endpoint: address(13133) } },
  service: {
    extensions: ['health_check'],
    telemetry: { metrics: { readers: [prometheusReader(POD_IP)] } },
    pipelines: Object.fromEntries(
      Object.entries({
        logs: ['otlp'],
        metrics: ['otlp', 'prometheus'],
        traces: ['otlp', 'jaeger', 'zipkin'],
      }).map(([signal, receivers]) => [
        signal,
        {
          receivers,
          processors: ['k8s_attributes', 'memory_limiter', 'batch'],
          exporters: ['debug'],
        },
      ]),
    ),
  },
}

/** Rights that the preset gives. */
const RULES = [
  { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'watch', 'list'] },
  { apiGroups: ['apps'], resources: ['replicasets'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['extensions'], resources: ['replicasets'], verbs: ['get', 'list', 'watch'] },
]

/**
 * The builds of both files.
 *
 * @param helm renders the real chart where COLLECTOR_CHART says which it is: a directory, an archive or an OCI reference.
 */
export async function collectorBuilds(helm: string): Promise<Build[]> {
  const chart = process.env.COLLECTOR_CHART
  const namespace = stringify({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  })
  const yamls = {
    'values-helm': chart === undefined ? ofValues(read(VALUES)) : await renderedBy(helm, chart),
    opentelemetrycollector: ofCustomResource(read(RESOURCE)),
  }
  return Object.entries(yamls).map(([file, yaml]) => ({
    name: `otel/${file}.yaml`,
    yaml: `${namespace}---\n${yaml}`,
  }))
}

async function renderedBy(helm: string, chart: string): Promise<string> {
  const args = ['template', RELEASE, chart, '--namespace', NAMESPACE, '-f', VALUES.pathname]
  const { code, output } = await run(helm, args)
  require(code === 0, `helm template ${chart}: ${output}`)
  // The stream begins with the end of an empty document.
  return inOne(parseAllDocuments(output).flatMap((document) => document.toJS() ?? []))
}

function ofValues(text: string): string {
  const values = parse(text) as Values
  const name = `${RELEASE}-${CHART}`
  const agent = `${name}-agent`
  const metadata = { name, namespace: NAMESPACE }
  const labels = {
    'app.kubernetes.io/name': CHART,
    'app.kubernetes.io/instance': RELEASE,
    component: 'agent-collector',
  }
  const open = Object.entries(values.ports).filter(([, { enabled }]) => enabled)
  require(open.length === 0, `the values open the ports ${open.map(([port]) => port).join(', ')}`)
  const memory = Number.parseInt(values.resources.limits.memory, 10)
  const collector = {
    name: CHART,
    image: `${values.image.repository}:${values.image.tag}`,
    args: ['--config=/conf/relay.yaml'],
    securityContext: {},
    env: [
      field('MY_POD_IP', 'status.podIP'),
      field('OTEL_K8S_NODE_NAME', 'spec.nodeName'),
      field('K8S_NODE_NAME', 'spec.nodeName'),
      { name: 'GOMEMLIMIT', value: `${Math.floor(memory * 0.8)}MiB` },
    ],
    ...probes(),
    resources: values.resources,
    volumeMounts: [{ name: 'configuration', mountPath: '/conf' }],
  }
  return inOne([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata, name: agent },
      data: { relay: stringify(merged(CHART_CONFIGURATION, values.config)) },
    },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata, rules: RULES },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    daemonSet(agent, labels, {
      serviceAccountName: name,
      containers: [collector, ...values.extraContainers],
      volumes: [
        {
          name: 'configuration',
          configMap: { name: agent, items: [{ key: 'relay', path: 'relay.yaml' }] },
        },
        ...values.extraVolumes,
      ],
    }),
  ])
}

function ofCustomResource(text: string): string {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject)
  const made = objects.flatMap((object): object[] => {
    if (object.kind !== 'OpenTelemetryCollector') return [object]
    const { metadata, spec } = object as unknown as CustomResource
    const name = `${metadata.name}-collector`
    const file = 'collector.yaml'
    const { service } = spec.config
    const telemetry = { metrics: { readers: [prometheusReader('0.0.0.0')] } }
    const configuration = stringify({ ...spec.config, service: { telemetry, ...service } })
    const digest = createHash('sha256').update(configuration).digest('hex').slice(0, 8)
    const configMap = `${name}-${digest}`
    const collector = {
      name: 'otc-container',
      image: spec.image,
      args: [`--config=/conf/${file}`],
      env: [
        ...spec.env,
        field('POD_NAME', 'metadata.name'),
        limit('GOMEMLIMIT', 'limits.memory'),
        limit('GOMAXPROCS', 'limits.cpu'),
      ],
      // Only a configuration with the extension has probes.
      ...(spec.config.extensions.health_check !== undefined && probes()),
      resources: spec.resources,
      volumeMounts: [{ name: 'otc-internal', mountPath: '/conf' }],
    }
    const labels = {
      'app.kubernetes.io/managed-by': 'opentelemetry-operator',
      'app.kubernetes.io/instance': `${metadata.namespace}.${metadata.name}`,
      'app.kubernetes.io/part-of': 'opentelemetry',
      'app.kubernetes.io/component': CHART,
    }
    return [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: configMap, namespace: metadata.namespace },
        data: { [file]: configuration },
      },
      daemonSet(name, labels, {
        serviceAccountName: spec.serviceAccount,
        shareProcessNamespace: false,
        containers: [collector, ...spec.additionalContainers],
        volumes: [
          {
            name: 'otc-internal',
            configMap: { name: configMap, items: [{ key: file, path: file }] },
          },
          ...spec.volumes,
        ],
      }),
    ]
  })
  return inOne(made)
}

function daemonSet(name: string, labels: Json, spec: Json): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  }
}

/** As Helm merges values: objects key by key, and what is null goes. */
function merged(base: Json, values: Json): Json {
  const entries = Object.entries({ ...base, ...values }).flatMap(
    ([key, value]): [string, unknown][] => {
      const before = base[key]
      if (value === null) return []
      return [[key, isObject(before) && isObject(value) ? merged(before, value) : value]]
    },
  )
  return Object.fromEntries(entries)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function address(port: number): string {
  return `${POD_IP}:${port}`
}

function prometheusReader(host: string): object {
  return { pull: { exporter: { prometheus: { host, port: 8888 } } } }
}

function probes(): object {
  const probe = { httpGet: { path: '/', port: 13133 } }
  return { livenessProbe: probe, readinessProbe: probe }
}

function field(name: string, fieldPath: string): object {
  return { name, valueFrom: { fieldRef: { fieldPath } } }
}

function limit(name: string, resource: string): object {
  return { name, valueFrom: { resourceFieldRef: { containerName: 'otc-container', resource } } }
}

function inOne(objects: readonly object[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n')
}

function read(file: URL): string {
  return readFileSync(file, 'utf8')
}
