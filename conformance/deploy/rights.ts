/** Compares the rights in the manifests with docs/security.md, which has to give the reason of each. */
import { readFileSync } from 'node:fs'
import type { Container, KubeObject } from './manifests.ts'
import { agentsOf, initContainersOf, podsOf } from './manifests.ts'

const PAGE = new URL('../../docs/security.md', import.meta.url)

/** Says which capability, mount of the node and API right of the objects the page doesn't name. */
export function unexplainedRights(objects: readonly KubeObject[]): string[] {
  const page = readFileSync(PAGE, 'utf8')
  const paths = podsOf(objects).flatMap(({ spec }) =>
    spec.volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
  )
  const api = objects.flatMap(({ rules = [] }) =>
    rules.flatMap(({ resources, verbs }) =>
      resources.map((resource) => `${verbs.join(', ')} ${resource}`),
    ),
  )
  const rights = [...capabilitiesIn(objects), ...paths, ...api]
  return [...new Set(rights)]
    .filter((right) => !page.includes(`\`${right}\``))
    .map((right) => `docs/security.md doesn't say what \`${right}\` is for`)
}

/** Says what OpenShift would refuse, or grants in vain. */
export function refusedRights(objects: readonly KubeObject[]): string[] {
  const constraints = objects.find(({ kind }) => kind === 'SecurityContextConstraints')
  if (constraints === undefined) return []
  const wanted = new Set(capabilitiesIn(objects))
  const allowed = new Set(constraints.allowedCapabilities)
  return [...wanted.symmetricDifference(allowed)].map(
    (name) => `${name} is in only one of the DaemonSet and its SecurityContextConstraints`,
  )
}

function capabilitiesIn(objects: readonly KubeObject[]): string[] {
  return [...agentsOf(objects), ...initContainersOf(objects)].flatMap(capabilitiesOf)
}

function capabilitiesOf({ securityContext }: Container): readonly string[] {
  return securityContext.capabilities.add ?? []
}
