/** Packages of Debian for a guest, unpacked but not installed, kept between runs; also of another architecture. */
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run } from '../support/children.ts'
import { MissingPeer } from '../support/packages.ts'

/** As Debian calls them. */
export type Architecture = 'amd64' | 'arm64'

/** Where peers are kept between runs. */
export const CACHE = join(homedir(), '.cache', 'otel-interrogator')

/**
 * The root of a file system with the kernel for clouds, and further packages, of the architecture.
 *
 * @throws MissingPeer when they can't be had.
 */
export async function unpackedGuest(
  architecture: Architecture,
  packages: readonly string[],
): Promise<string> {
  const kept = join(CACHE, `guest-${[architecture, ...packages].join('-')}`)
  if (existsSync(kept)) return kept
  const work = `${kept}.new`
  rmSync(work, { recursive: true, force: true })
  const options = aptOptions(work, architecture)
  await must('apt-get', [...options, 'update', '-qq'])
  const meta = `linux-image-cloud-${architecture}`
  const { output } = await must('apt-cache', [...options, 'depends', meta])
  const kernel = /Depends: (linux-image-\S+)/.exec(output)?.[1]
  if (kernel === undefined) throw new MissingPeer(`${meta} is not in the package lists`)
  const words = [...options, 'download', '-qq', kernel, ...packages]
  await must('sh', ['-c', `cd ${work} && apt-get "$@"`, 'sh', ...words])
  for (const archive of globSync(join(work, '*.deb'))) {
    await must('dpkg-deb', ['-x', archive, join(work, 'root')])
  }
  renameSync(join(work, 'root'), kept)
  rmSync(work, { recursive: true })
  return kept
}

/** The image of the kernel in an unpacked guest. */
export function kernelOf(root: string): string {
  const [image] = globSync(join(root, 'boot', 'vmlinuz-*'))
  if (image === undefined) throw new MissingPeer('the package of the kernel has no kernel')
  return image
}

/** Lists and state of their own, so that the machine's architecture stays what it is. */
function aptOptions(work: string, architecture: Architecture): string[] {
  mkdirSync(join(work, 'state', 'lists', 'partial'), { recursive: true })
  mkdirSync(join(work, 'cache', 'archives', 'partial'), { recursive: true })
  writeFileSync(join(work, 'status'), '')
  return [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State=${work}/state`,
    `Dir::State::status=${work}/status`,
    `Dir::Cache=${work}/cache`,
  ].flatMap((option) => ['-o', option])
}

async function must(command: string, args: readonly string[]) {
  const { code, output } = await run(command, args)
  if (code !== 0) throw new MissingPeer(`${command}: ${output.trim().split('\n').at(-1)}`)
  return { output }
}
