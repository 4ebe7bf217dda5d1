/** A stock kernel of Debian, unpacked but not installed, kept between runs. */
import { globSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run } from '../support/children.ts'
import { MissingPeer } from '../support/packages.ts'

const META_PACKAGE = 'linux-image-cloud-amd64'
const CACHE = join(homedir(), '.cache', 'otel-interrogator')

/**
 * The path of the kernel's image.
 *
 * @throws MissingPeer when it can't be had.
 */
export async function guestKernel(): Promise<string> {
  const kept = globSync(join(CACHE, 'kernel', 'vmlinuz-*'))[0]
  if (kept !== undefined) return kept
  await must('apt-get', ['update', '-qq'])
  const { output } = await must('apt-cache', ['depends', META_PACKAGE])
  const name = /Depends: (linux-image-\S+)/.exec(output)?.[1]
  if (name === undefined) throw new MissingPeer(`${META_PACKAGE} is not in the package lists`)
  const work = join(CACHE, 'kernel-new')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  await must('sh', ['-c', `cd ${work} && apt-get download -qq ${name}`])
  const [archive] = globSync(join(work, '*.deb'))
  await must('dpkg-deb', ['-x', archive, join(work, 'unpacked')])
  const [image] = globSync(join(work, 'unpacked', 'boot', 'vmlinuz-*'))
  if (image === undefined) throw new MissingPeer(`${name} has no kernel`)
  mkdirSync(join(CACHE, 'kernel'), { recursive: true })
  const path = join(CACHE, 'kernel', image.slice(image.lastIndexOf('/') + 1))
  renameSync(image, path)
  rmSync(work, { recursive: true })
  return path
}

async function must(command: string, args: string[]) {
  const { code, output } = await run(command, args)
  if (code !== 0) throw new MissingPeer(`${command}: ${output.trim().split('\n').at(-1)}`)
  return { output }
}
