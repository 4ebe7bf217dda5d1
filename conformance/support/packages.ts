/** Peers from Debian packages. */
import { accessSync, constants, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { run } from './children.ts'

/** A peer that could not be had, and why: the check can't tell anything then. */
export class MissingPeer extends Error {
  override name = 'MissingPeer'
}

/**
 * Makes sure that programs are there, installing their package where they aren't.
 *
 * @throws MissingPeer
 */
export async function needPackage(name: string, ...programs: readonly string[]): Promise<void> {
  if (programs.every(isInstalled)) return
  if (process.getuid?.() !== 0) throw new MissingPeer(`${name} is not installed, and only root can`)
  if (!isInstalled('apt-get'))
    throw new MissingPeer(`${name} is not installed, and there is no apt-get`)
  const { code, output } = await install(name)
  if (code !== 0 || !programs.every(isInstalled)) {
    throw new MissingPeer(`${name} can't be installed: ${output.trim().split('\n').at(-1)}`)
  }
}

/** Held while a package is installed: a check that runs beside this one may want one, too. */
const LOCK = join(tmpdir(), 'conformance-packages.lock')

function install(name: string) {
  const script = 'apt-get update; exec apt-get install --yes --no-install-recommends "$0"'
  const variables = { DEBIAN_FRONTEND: 'noninteractive' }
  return run('flock', [LOCK, 'sh', '-c', script, name], '', variables)
}

/** @param program a name, or the absolute path of any file. */
export function isInstalled(program: string): boolean {
  if (program.startsWith('/')) return existsSync(program)
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
