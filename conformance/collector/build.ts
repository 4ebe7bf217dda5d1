/** The real Collector, built from the Go module proxy and kept for later runs. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, type Scope } from '../support/children.ts'
import { isInstalled, MissingPeer } from '../support/packages.ts'

const MANIFEST = fileURLToPath(new URL('builder.yaml', import.meta.url))
const BUILDER = 'go.opentelemetry.io/collector/cmd/builder'

/**
 * Where the Collector is; it is built when it isn't there, which takes some minutes.
 *
 * @throws MissingPeer without Go, or when its modules can't be had.
 */
export async function buildCollector(scope: Scope, print: (line: string) => void): Promise<string> {
  const manifest = readFileSync(MANIFEST, 'utf8')
  const version = /^ {2}version: (.+)$/m.exec(manifest)?.[1] as string
  const digest = createHash('sha256').update(manifest).digest('hex').slice(0, 12)
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'otel-interrogator')
  const path = join(cache, `collector-${version}-${process.arch}-${digest}`)
  if (existsSync(path)) return path
  if (!isInstalled('go')) {
    throw new MissingPeer('there is no Go to build the Collector with: install it from go.dev')
  }
  print(`building the Collector ${version}, which takes some minutes the first time`)
  const directory = scope.directory()
  const args = [`GOBIN=${directory}`, 'GOFLAGS=-buildvcs=false', 'go']
  await build('env', [...args, 'install', `${BUILDER}@v${version}`])
  const output = join(directory, 'dist')
  const file = join(directory, 'builder.yaml')
  writeFileSync(file, manifest.replace('dist:\n', `dist:\n  output_path: ${output}\n`))
  await build('env', ['GOFLAGS=-buildvcs=false', join(directory, 'builder'), `--config=${file}`])
  mkdirSync(cache, { recursive: true })
  copyFileSync(join(output, 'collector'), `${path}.new`)
  renameSync(`${path}.new`, path)
  return path
}

async function build(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(command, args)
  if (code === 0) return
  const end = output.trim().split('\n').slice(-3).join(' ')
  throw new MissingPeer(`the Collector can't be built: ${end}`)
}
