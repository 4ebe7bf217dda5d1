/** Definitions of custom resources, from the modules of the programs that they are for. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/children.ts'
import { MissingPeer } from '../support/packages.ts'
import type { KubernetesNode } from './node.ts'

interface Definitions {
  /** The folder, from this one, of the module of ours that requires the other. */
  readonly requiredBy: string
  readonly module: string
  /** Where they are in it. */
  readonly files: string
}

const DEFINITIONS: readonly Definitions[] = [
  {
    requiredBy: 'prometheus-operator',
    module: 'github.com/prometheus-operator/prometheus-operator',
    files: 'example/prometheus-operator-crd/*.yaml',
  },
  {
    requiredBy: '../deploy/validate',
    module: 'github.com/openshift/api',
    files: 'security/v1/zz_generated.crd-manifests/*_securitycontextconstraints.crd.yaml',
  },
]

/** @throws MissingPeer when a module can't be had. */
export async function applyDefinitions(node: KubernetesNode): Promise<void> {
  for (const { requiredBy, module, files } of DEFINITIONS) {
    const directory = fileURLToPath(new URL(requiredBy, import.meta.url))
    const { code, output } = await run('go', ['-C', directory, 'mod', 'download', '-json', module])
    if (code !== 0) throw new MissingPeer(`${module} can't be had: ${output}`)
    const { Dir } = JSON.parse(output.slice(output.indexOf('{'))) as { Dir: string }
    const found = globSync(join(Dir, files))
    if (found.length === 0) throw new Error(`${module} has no ${files}`)
    await node.kubectl('apply', '--server-side', ...found.flatMap((file) => ['-f', file]))
  }
  await node.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s')
}
