/** A container image built locally, without a registry: busybox, and programs with the names of KubeVirt's. */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from '../support/children.ts'
import { writeProgram } from '../support/programs.ts'

export const IMAGE = 'localhost/busybox:test'
export const PAUSE_IMAGE = 'localhost/pause:test'
const LINKS = ['sh', 'sleep', 'cat', 'dd']
/** Where KubeVirt's virt-launcher image has them. */
const LOOKALIKES = {
  idle: [
    '/usr/bin/virt-launcher-monitor',
    '/usr/bin/virt-launcher',
    '/usr/sbin/virtqemud',
    '/usr/sbin/virtlogd',
    '/usr/sbin/libvirtd',
  ],
  busy: ['/usr/libexec/qemu-kvm'],
} as const
/** Go's names of architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Writes both images into one archive of the form that `docker save` has; gives its path. */
export async function makeImages(directory: string): Promise<string> {
  const bin = join(directory, 'rootfs', 'bin')
  mkdirSync(bin, { recursive: true })
  copyFileSync('/bin/busybox', join(bin, 'busybox'))
  for (const link of LINKS) symlinkSync('busybox', join(bin, link))
  for (const kind of ['idle', 'busy'] as const) {
    for (const path of LOOKALIKES[kind]) {
      mkdirSync(join(directory, 'rootfs', dirname(path)), { recursive: true })
      writeProgram(join(directory, 'rootfs', path), kind)
    }
  }
  // The two must differ in something to be two.
  const wait = (index: number) => ({ Cmd: ['/bin/sleep', String(2_147_483_647 - index)] })
  return await packImages(directory, { [IMAGE]: wait(0), [PAUSE_IMAGE]: wait(1) })
}

/**
 * Packs what is in `directory/rootfs` into one archive, as one image or several.
 *
 * @param images their configurations, as Docker has them, by their tags.
 * @returns the archive's path.
 */
export async function packImages(
  directory: string,
  images: Readonly<Record<string, object>>,
): Promise<string> {
  await tar('-C', join(directory, 'rootfs'), '-cf', join(directory, 'layer.tar'), '.')
  const digest = createHash('sha256')
    .update(readFileSync(join(directory, 'layer.tar')))
    .digest('hex')
  const manifest = Object.entries(images).map(([tag, settings], index) => {
    const config = {
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config: settings,
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    }
    writeFileSync(join(directory, `config${index}.json`), JSON.stringify(config))
    return { Config: `config${index}.json`, RepoTags: [tag], Layers: ['layer.tar'] }
  })
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest))
  const archive = join(directory, 'images.tar')
  const configs = manifest.map(({ Config }) => Config)
  await tar('-C', directory, '-cf', archive, 'manifest.json', ...configs, 'layer.tar')
  return archive
}

async function tar(...args: string[]): Promise<void> {
  const { code, output } = await run('tar', args)
  if (code !== 0) throw new Error(`tar: ${output}`)
}
