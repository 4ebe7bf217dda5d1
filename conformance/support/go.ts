/** Peers that are built of Go modules, kept below `.cache`. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './children.ts'
import { isInstalled, MissingPeer } from './packages.ts'

/**
 * Builds a program of a module of ours; what has not changed is not built again.
 *
 * @param directory where its main package is.
 * @param modfile the file of its dependencies, where that is not `go.mod`.
 * @param target the main package, where it is that of a dependency.
 * @returns the program's path.
 * @throws MissingPeer when there is no Go, or its modules can't be had.
 */
export async function buildGo(
  directory: string,
  name: string,
  modfile = 'go.mod',
  target = '.',
): Promise<string> {
  if (!isInstalled('go')) throw new MissingPeer('Go is not installed')
  const program = fileURLToPath(new URL(`../../.cache/go/${name}`, import.meta.url))
  mkdirSync(dirname(program), { recursive: true })
  const chosen = `-modfile=${modfile}`
  const downloaded = await run('go', ['-C', directory, 'mod', 'download', chosen])
  if (downloaded.code !== 0) throw new MissingPeer(`no modules for ${name}: ${downloaded.output}`)
  const built = await run('go', ['-C', directory, 'build', chosen, '-o', program, target])
  if (built.code !== 0) throw new Error(`go build: ${built.output}`)
  return program
}
