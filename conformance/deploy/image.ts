/** The agent's image, built by buildah from bases made of this machine's own files, for there may be no registry. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SHARED_DIRECTORY } from '../check.ts'
import { run, type Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUILD_BASE = 'localhost/otel-interrogator-build-base:test'
const RUN_BASE = 'localhost/otel-interrogator-run-base:test'
/** What the build stage's commands need of busybox. */
const TOOLS = ['sh', 'env', 'find', 'cp', 'readlink', 'rm']
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

export interface BuiltImage {
  /** The path of an archive of the form that `docker save` has. */
  readonly archive: string
  /** Builds another target on it, under a tag of its own; gives the path of its archive. */
  readonly buildTarget: (target: string, tag: string) => Promise<string>
}

/**
 * Builds the image.
 *
 * @param name the tag that it gets.
 * @throws MissingPeer
 */
export async function buildImage(scope: Scope, name: string): Promise<BuiltImage> {
  await needPackage('buildah', 'buildah')
  await needPackage('busybox-static', 'busybox')
  const directory = scope.directory()
  // A store of the check's own: nothing is left in the machine's.
  const storage = ['--root', join(directory, 'store'), '--runroot', join(directory, 'run-root')]
  const store = [...storage, '--storage-driver', 'vfs']
  const buildah = async (...args: readonly string[]) => {
    const { code, output } = await run('buildah', [...store, ...args])
    if (code !== 0) throw new Error(`buildah ${args[0]}: ${output}`)
    return output.trim()
  }
  const libraries = join(directory, 'libraries')
  await copyLibraries(libraries)
  const tools = join(directory, 'tools')
  await copyTools(tools)
  // npm needs to know who vouches for its registry; the agent doesn't.
  const path = 'PATH=/usr/local/bin:/bin'
  for (const [base, parts, environment] of [
    [RUN_BASE, [libraries], [path]],
    [BUILD_BASE, [libraries, tools], [path, `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`]],
  ] as const) {
    const container = await buildah('from', '--quiet', 'scratch')
    for (const part of parts) await buildah('copy', '--quiet', container, part, '/')
    await buildah('config', ...environment.flatMap((one) => ['--env', one]), container)
    await buildah('commit', '--quiet', '--rm', container, base)
  }
  const bases = [`BUILD_IMAGE=${BUILD_BASE}`, `RUN_IMAGE=${RUN_BASE}`]
  await buildah(
    'build-using-dockerfile',
    '--format=docker',
    '--isolation=chroot',
    '--network=host',
    ...bases.map((argument) => `--build-arg=${argument}`),
    `--tag=${name}`,
    ROOT,
  )
  const push = async (tag: string, file: string) => {
    const archive = join(directory, file)
    await buildah('push', '--quiet', tag, `docker-archive:${archive}:${tag}`)
    return archive
  }
  const archive = await push(name, 'image.tar')
  const kept = keptArchive(name)
  if (kept !== undefined) copyFileSync(archive, kept)
  return {
    archive,
    buildTarget: async (target, tag) => {
      const file = join(directory, `Dockerfile.${target}`)
      writeFileSync(file, `FROM ${name}\n${stageOf(target)}`)
      const options = ['--format=docker', '--isolation=chroot', '--file', file, `--tag=${tag}`]
      await buildah('build-using-dockerfile', ...options, directory)
      return push(tag, `${target}.tar`)
    },
  }
}

/**
 * Gives the path of the image's archive: built, unless another check of this run has done so.
 *
 * @param name the tag that it gets.
 * @throws MissingPeer
 */
export async function imageArchive(scope: Scope, name: string): Promise<string> {
  const kept = keptArchive(name)
  if (kept === undefined || !existsSync(kept)) return (await buildImage(scope, name)).archive
  return kept
}

/** Where checks that follow find the archive; undefined when a check runs by itself. */
function keptArchive(name: string): string | undefined {
  const directory = process.env[SHARED_DIRECTORY]
  const short = name.replace(/^docker\.io\/library\//, '')
  return directory && join(directory, `${encodeURIComponent(short)}.tar`)
}

/** What a stage of the Dockerfile adds to the image that it starts from. */
function stageOf(target: string): string {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const stage = new RegExp(`^FROM run AS ${target}\\n([^]*?)(?=^FROM |(?![^]))`, 'm').exec(text)
  if (stage === null) throw new Error(`the Dockerfile has no stage ${target}`)
  return stage[1]
}

/** What Node.js is linked with. */
async function copyLibraries(target: string): Promise<void> {
  const { output } = await run('ldd', [process.execPath])
  for (const [path] of output.matchAll(/\/\S+(?=\s+\(0x)/g)) copyInto(target, path)
}

/** Node.js, npm, and what a Dockerfile's commands need. */
async function copyTools(target: string): Promise<void> {
  copyInto(target, process.execPath, '/usr/local/bin/node')
  copyInto(target, '/bin/busybox')
  for (const tool of TOOLS) symlinkSync('busybox', join(target, 'bin', tool))
  mkdirSync(join(target, 'usr/bin'))
  symlinkSync('/bin/busybox', join(target, 'usr/bin/env'))
  if (statSync(CERTIFICATES, { throwIfNoEntry: false })) copyInto(target, CERTIFICATES)
  const { output } = await run('sh', ['-c', 'readlink -f "$(command -v npm)"'])
  // Its program is `npm/bin/npm-cli.js`.
  const npm = dirname(dirname(output.trim()))
  cpSync(npm, join(target, 'usr/lib/node_modules/npm'), { recursive: true })
  symlinkSync('/usr/lib/node_modules/npm/bin/npm-cli.js', join(target, 'usr/local/bin/npm'))
  mkdirSync(join(target, 'tmp'))
}

function copyInto(target: string, path: string, as = path): void {
  mkdirSync(dirname(join(target, as)), { recursive: true })
  copyFileSync(path, join(target, as))
}
