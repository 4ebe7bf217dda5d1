/** What a guest has: busybox, Node.js with its libraries, and the agent as it is installed. */
import { copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../support/children.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Programs of busybox that scripts call. */
const APPLETS = [
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
]

/**
 * Packs the initial file system.
 *
 * @param script what the guest runs, as a shell script; it is switched off afterwards.
 * @returns the path of the archive.
 */
export async function makeImage(directory: string, script: string): Promise<string> {
  const root = join(directory, 'root')
  const bin = join(root, 'bin')
  for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'app']) {
    mkdirSync(join(root, name), { recursive: true })
  }
  copyFileSync('/bin/busybox', join(bin, 'busybox'))
  for (const applet of APPLETS) symlinkSync('busybox', join(bin, applet))
  await copyProgram(root, process.execPath, 'node')
  await copyProgram(root, '/usr/bin/unshare', 'unshare')
  await copyAgent(join(root, 'app'))
  writeFileSync(join(root, 'init'), initScript(script), { mode: 0o755 })
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
${script}
poweroff -f
`
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

/** The build, and the packages that it needs at run time. */
async function copyAgent(target: string): Promise<void> {
  for (const name of ['dist', 'package.json']) {
    cpSync(join(ROOT, name), join(target, name), { recursive: true })
  }
  const list = await must('npm', ['ls', '--omit=dev', '--all', '--parseable', '--prefix', ROOT])
  for (const path of list.split('\n')) {
    const at = path.indexOf('/node_modules/')
    if (at >= 0) cpSync(path, join(target, path.slice(at)), { recursive: true, dereference: true })
  }
}

async function must(command: string, args: string[]): Promise<string> {
  const { code, output } = await run(command, args)
  if (code !== 0) throw new Error(`${command}: ${output}`)
  return output
}
