/** The Helm chart, rendered and compared with the kustomize builds: both must give the same manifests. */

import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { parse, parseAllDocuments } from 'yaml'
import { run } from '../support/children.ts'
import type { Build } from './manifests.ts'

export const CHART = fileURLToPath(new URL('../../deploy/chart', import.meta.url))
const RELEASE = 'otel-interrogator'
/** What makes the chart the same as a component on the base; overlays have a file of values of their name. */
const COMPONENTS: Readonly<Record<string, readonly string[]>> = {
  bpf: ['capabilities.enabled=false', 'bpf.enabled=true'],
  'containerd-1': ['containerd1=true'],
  dashboards: ['dashboards.enabled=true'],
  'dashboards-otel': ['dashboards.enabled=true', 'dashboards.naming=otel'],
  'names-from-api-server': ['names.from=api-server'],
  'names-from-kubelet': ['names.from=kubelet'],
  perf: ['perf.enabled=true'],
  'prometheus-operator': ['prometheus.monitor.enabled=true', 'prometheus.rules.enabled=true'],
  'prometheus-role': ['prometheus.role.enabled=true'],
  'scrape-annotations': ['scrapeAnnotations=true'],
  'without-capabilities': ['capabilities.enabled=false'],
  'without-root': ['capabilities.user=94640'],
  'without-runtime-sockets': ['names.from=none'],
}
/** Labels and annotations that only a release, or only kustomize, has. */
const OWN_KEYS =
  /^(?:app\.kubernetes\.io\/(?:name|instance|version|managed-by)|helm\.sh\/|checksum\/)/

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

/** The arguments of `helm install` and `helm template` that give the same as a build. */
function chartValues(build: string): string[] {
  const component = /^base with (.*)$/.exec(build)?.[1]
  if (component !== undefined) {
    const values = COMPONENTS[component]
    if (values === undefined) throw new Error(`the chart has no value for ${component}`)
    return values.flatMap((value) => ['--set', value])
  }
  return build === 'base' ? [] : ['--values', `${CHART}/values/${build}.yaml`]
}

/** Renders the chart as a build. */
export async function renderChart(helm: string, build: string, version: string): Promise<string> {
  const args = ['template', RELEASE, CHART, '--namespace', RELEASE, '--kube-version', version]
  const { code, output } = await run(helm, [...args, ...chartValues(build)])
  if (code !== 0) throw new Error(`helm template of ${build}: ${output}`)
  // It says of each symbolic link that it follows it.
  return output.replace(/^walk\.go:.*\n/gm, '')
}

/** Says which objects of a build and of the chart differ. */
export function differences({ yaml }: Build, rendered: string): string[] {
  const [wanted, has] = [yaml, rendered].map(objectsByName)
  const names = new Set([...(wanted?.keys() ?? []), ...(has?.keys() ?? [])])
  return [...names].flatMap((name) => {
    const [left, right] = [wanted?.get(name), has?.get(name)]
    if (left === undefined) return [`only the chart has ${name}`]
    if (right === undefined) return [`the chart has no ${name}`]
    return differentParts(left, right).map((part) => `${name}${part}`)
  })
}

function differentParts(left: Json | undefined, right: Json | undefined): string[] {
  if (isDeepStrictEqual(left, right)) return []
  if (isObject(left) && isObject(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)])
    return [...keys].flatMap((key) =>
      differentParts(left[key], right[key]).map((part) => `.${key}${part}`),
    )
  }
  return [`: ${JSON.stringify(left)} became ${JSON.stringify(right)}`]
}

function objectsByName(text: string): Map<string, Json> {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as JsonObject | null)
  const known = objects.filter((object) => object !== null && object.kind !== 'Namespace')
  return new Map(
    known.map((object) => {
      const plain = plainForm(renamed(object as JsonObject)) as JsonObject
      const { name } = plain.metadata as JsonObject
      return [`${plain.kind as string} ${name as string}`, plain]
    }),
  )
}

/** Names by what they are for: kustomize adds a hash of the content, the chart the name of its release. */
function renamed(object: JsonObject): JsonObject {
  const text = JSON.stringify(object)
    .replaceAll(/"(otel-interrogator|otel-collector)-[a-z0-9]{10}"/g, '"$1"')
    .replaceAll('"otel-interrogator-collector"', '"otel-collector"')
  const changed = JSON.parse(text) as JsonObject
  // kustomize doesn't know that it is an object of the whole cluster.
  if (changed.kind === 'SecurityContextConstraints') {
    delete (changed.metadata as JsonObject).namespace
  }
  return changed
}

/** Without what may differ: order in lists of named things, texts of files, and marks of the tools. */
function plainForm(value: Json, key = ''): Json {
  if (Array.isArray(value)) {
    const plain = value.map((item) => plainForm(item))
    const isNamed = plain.every((item) => isObject(item) && typeof item.name === 'string')
    if (!isNamed || key === 'groups' || key === 'rules') return plain
    return plain.sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
  }
  if (!isObject(value)) return value
  const entries = Object.entries(value).flatMap(([name, item]): [string, Json][] => {
    if (OWN_KEYS.test(name)) return []
    if (/\.ya?ml$/.test(name) && typeof item === 'string') return [[name, parse(item) ?? null]]
    if (name.endsWith('.json') && typeof item === 'string') return [[name, JSON.parse(item)]]
    const plain = plainForm(item, name)
    const isEmpty = isObject(plain) && Object.keys(plain).length === 0
    const isMark = ['labels', 'annotations', 'matchLabels'].includes(name)
    return isEmpty && isMark ? [] : [[name, plain]]
  })
  return Object.fromEntries(entries)
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function nameOf(value: Json): string {
  return isObject(value) ? String(value.name) : ''
}
