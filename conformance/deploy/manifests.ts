/** The manifests of `deploy/`: how they are built, and the parts of their objects that checks look at. */
import { globSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { run, type Scope } from '../support/children.ts'

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url))
/** The form of the agent's image in the manifests. */
const AGENT_IMAGE = /(^|\/)otel-interrogator:/

/** What `kubectl apply -k` would send. */
export interface Build {
  /** The overlay, or the component on the base. */
  readonly name: string
  /** A stream of YAML documents. */
  readonly yaml: string
}

/** A Kubernetes object; which fields are there depends on the kind. */
export interface KubeObject {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Labels
  }
  readonly spec?: KubeSpec
  readonly data?: Readonly<Record<string, string>>
  readonly rules?: readonly Rule[]
  readonly roleRef?: { readonly kind: string; readonly name: string }
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[]
  readonly allowedCapabilities?: readonly string[]
}

export type Labels = Readonly<Record<string, string>>

export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

interface KubeSpec {
  readonly selector?: Labels | { readonly matchLabels?: Labels }
  readonly template?: PodTemplate
  readonly podMetricsEndpoints?: readonly { readonly port: string }[]
  readonly endpoints?: readonly { readonly port: string }[]
  readonly ports?: readonly { readonly name: string; readonly targetPort: string | number }[]
  readonly ingress?: readonly { readonly ports?: readonly { readonly port: string | number }[] }[]
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels }
  readonly spec: {
    readonly serviceAccountName: string
    readonly containers: readonly Container[]
    readonly initContainers?: readonly Container[]
    readonly volumes: readonly Volume[]
  }
}

export interface Volume {
  readonly name: string
  readonly hostPath?: { readonly path: string }
  readonly configMap?: { readonly name: string }
  readonly projected?: { readonly sources: readonly VolumeSource[] }
}

/** One of these. */
export interface VolumeSource {
  readonly serviceAccountToken?: { readonly path: string }
  readonly configMap?: {
    readonly name: string
    readonly items: readonly { readonly key: string; readonly path: string }[]
  }
  readonly downwardAPI?: {
    readonly items: readonly {
      readonly path: string
      readonly fieldRef: { readonly fieldPath: string }
    }[]
  }
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly args: readonly string[]
  readonly env: readonly {
    readonly name: string
    readonly value?: string
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
  }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly volumeMounts: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
    readonly mountPropagation?: string
  }[]
  readonly resources?: { readonly limits?: { readonly cpu?: string; readonly memory?: string } }
  readonly securityContext: {
    readonly runAsUser: number
    readonly allowPrivilegeEscalation: boolean
    readonly readOnlyRootFilesystem: boolean
    readonly capabilities: { readonly add?: readonly string[]; readonly drop: readonly string[] }
  }
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
}

interface Probe {
  readonly httpGet?: { readonly port: string | number }
  readonly exec?: { readonly command: readonly string[] }
}

/** The objects of one build, without a look at their types. */
export async function objectsOf(folder: string): Promise<KubeObject[]> {
  const yaml = await kustomize(join(DEPLOY, folder))
  return parseAllDocuments(yaml).map((document) => document.toJS() as KubeObject)
}

/** Builds the base, every overlay, and every component alone on the base. */
export async function buildAll(scope: Scope): Promise<Build[]> {
  const builds: Build[] = [{ name: 'base', yaml: await kustomize(join(DEPLOY, 'base')) }]
  for (const overlay of foldersOf('overlays')) {
    builds.push({ name: basename(overlay), yaml: await kustomize(overlay) })
  }
  for (const component of foldersOf('components')) {
    const directory = scope.directory()
    const kustomization = {
      resources: [relative(directory, join(DEPLOY, 'base'))],
      components: [relative(directory, component)],
      namespace: 'otel-interrogator',
    }
    // JSON is YAML.
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization))
    builds.push({ name: `base with ${basename(component)}`, yaml: await kustomize(directory) })
  }
  return builds
}

function foldersOf(kind: 'overlays' | 'components'): string[] {
  return globSync(join(DEPLOY, kind, '*/')).sort()
}

async function kustomize(directory: string): Promise<string> {
  const { code, output } = await run('kubectl', ['kustomize', directory])
  if (code !== 0) throw new Error(`kubectl kustomize ${directory}: ${output}`)
  return output
}

/** The templates of pods among the objects. */
export function podsOf(objects: readonly KubeObject[]): PodTemplate[] {
  return objects.flatMap(({ spec }) => spec?.template ?? [])
}

/** The agent's containers among the objects. */
export function agentsOf(objects: readonly KubeObject[]): Container[] {
  const containers = podsOf(objects).flatMap(({ spec }) => spec.containers)
  return containers.filter(({ image }) => AGENT_IMAGE.test(image))
}

/** The agent's containers that run before it. */
export function initContainersOf(objects: readonly KubeObject[]): Container[] {
  const containers = podsOf(objects).flatMap(({ spec }) => spec.initContainers ?? [])
  return containers.filter(({ image }) => AGENT_IMAGE.test(image))
}

/** The container with variables set, also those that it had with other values. */
export function withVariables(
  container: Container,
  values: Readonly<Record<string, string>>,
): Container {
  const kept = container.env.filter(({ name }) => !(name in values))
  const set = Object.entries(values).map(([name, value]) => ({ name, value }))
  return { ...container, env: [...kept, ...set] }
}
