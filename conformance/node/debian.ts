/** Debian with systemd and containerd, as a node has them: the root of its file system, kept between runs. */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '../guest/kernel.ts'
import { run } from '../support/children.ts'
import { MissingPeer, needPackage } from '../support/packages.ts'

const RELEASE = 'bookworm'
const PACKAGES = ['systemd-sysv', 'dbus', 'containerd', 'runc']
/** Directories that a guest doesn't need. */
const UNUSED = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale']

/**
 * Where the root is; it is made when it isn't there, which takes about a minute.
 *
 * @throws MissingPeer when it can't be had.
 */
export async function debianRoot(print: (line: string) => void): Promise<string> {
  const kept = join(CACHE, `node-${[RELEASE, ...PACKAGES].join('-')}`)
  if (existsSync(kept)) return kept
  await needPackage('debootstrap', 'debootstrap')
  if (process.getuid?.() !== 0) throw new MissingPeer('only root can run debootstrap')
  print(
    `making a Debian ${RELEASE} with ${PACKAGES.join(', ')}, which takes a minute the first time`,
  )
  const work = `${kept}.new`
  await removeTree(work)
  const options = ['--variant=minbase', `--include=${PACKAGES.join(',')}`]
  const { code, output } = await run('debootstrap', [...options, RELEASE, work])
  if (code !== 0) {
    await removeTree(work)
    throw new MissingPeer(`debootstrap: ${output.trim().split('\n').at(-1)}`)
  }
  for (const path of UNUSED) rmSync(join(work, path), { recursive: true, force: true })
  renameSync(work, kept)
  return kept
}

/** Removes what an interrupted run may have left, with the machine's own trees mounted in it. */
async function removeTree(path: string): Promise<void> {
  for (const mounted of ['proc', 'sys']) await run('umount', ['--recursive', join(path, mounted)])
  await run('rm', ['-rf', '--one-file-system', path])
}
