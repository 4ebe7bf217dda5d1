/** Checks variables, flags and files of the agent's containers by running the agent with them. */
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run, type Scope } from '../support/children.ts'
import type { Container, KubeObject } from './manifests.ts'
import { agentsOf, podsOf } from './manifests.ts'

/** Says what the agent would not take, or would not look at. */
export async function unknownSettings(
  scope: Scope,
  main: string,
  objects: readonly KubeObject[],
): Promise<string[]> {
  const { output: reference } = await run(process.execPath, [main, 'list-settings'])
  const problems: string[] = []
  for (const agent of agentsOf(objects)) {
    const used = new Set(
      agent.env.flatMap(({ value = '' }) => [...value.matchAll(/\$\((\w+)\)/g)].map(([, v]) => v)),
    )
    for (const { name } of agent.env) {
      const isKnown = reference.includes(`\`${name}\``) || used.has(name)
      if (!isKnown) problems.push(`no setting has the variable ${name}`)
    }
    const files = mountedFiles(agent, objects)
    const directory = scope.directory()
    for (const [path, text] of files) writeFileSync(join(directory, basename(path)), text)
    // Where the container has a mount, the check has its own directory.
    const words = agent.args.map((word) =>
      word.replace(/^(-+config(?:\.path)?=)(.*)$/, (_, flag, path) =>
        files.has(path) ? flag + join(directory, basename(path)) : flag + path,
      ),
    )
    const variables = agent.env.map(({ name, value }) => `${name}=${value ?? '192.0.2.1'}`)
    const { code, output } = await run('env', [
      '-i',
      ...variables,
      process.execPath,
      main,
      'check-config',
      ...words,
    ])
    if (code !== 0) problems.push(output.trim())
  }
  return problems
}

/** The files of ConfigMaps that a container sees, by path. */
function mountedFiles(agent: Container, objects: readonly KubeObject[]): Map<string, string> {
  const files = new Map<string, string>()
  const volumes = podsOf(objects).flatMap(({ spec }) => spec.volumes)
  for (const { name, mountPath } of agent.volumeMounts) {
    const config = volumes.find((volume) => volume.name === name)?.configMap?.name
    const map = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === config,
    )
    for (const [file, text] of Object.entries(map?.data ?? {})) {
      files.set(join(mountPath, file), text)
    }
  }
  return files
}
