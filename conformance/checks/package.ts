import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { run } from '../support/children.ts'
import { MissingPeer } from '../support/packages.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WANTED = [
  /^dist\/[\w/-]+\.js$/,
  /^dist\/index\.d\.ts$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
  /^dist\/kernel\/bpf\/(\w+\.skel|LICENSE\.bpf)$/,
  /^dist\/web\/page\/(index\.html|style\.css|icon\.svg|uPlot\.iife\.min\.js|uPlot\.min\.css|uPlot\.LICENSE)$/,
  /^docs\/[\w-]+\.(md|png)$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
]
const NAME = 'otel-interrogator'

export const check: Check = {
  title: 'the npm package has what is needed and nothing else, and its program runs',

  async run({ scope, print }) {
    const directory = scope.directory()
    // What it is made of was compiled before the checks began.
    const packing = ['--prefix', ROOT, 'pack', ROOT, '--ignore-scripts', '--json']
    const packed = await run('npm', [...packing, '--pack-destination', directory])
    require(packed.code === 0, `npm can not pack: ${packed.output}`)
    const archive = /"filename": "(.+)"/.exec(packed.output)?.[1] ?? ''
    const { output } = await run('tar', ['--list', '--gzip', '--file', join(directory, archive)])
    const files = output
      .trim()
      .split('\n')
      .map((path) => path.replace('package/', ''))
    const odd = files.filter(
      (path) => path !== 'package.json' && !WANTED.some((wanted) => wanted.test(path)),
    )
    require(odd.length === 0, `the package has ${odd.slice(0, 5).join(', ')}`)
    print(`${archive}: ${files.length} files`)

    writeFileSync(join(directory, 'package.json'), '{}')
    const options = ['--prefix', directory, '--no-audit', '--no-fund', '--omit=dev']
    const installed = await run('npm', ['install', ...options, join(directory, archive)])
    if (installed.code !== 0)
      throw new MissingPeer(`its dependencies can't be had: ${installed.output}`)
    const program = join(directory, 'node_modules', '.bin', NAME)
    const { code, output: text } = await run(program, ['--once', '--log.level=silent'])
    require(code === 0, `${NAME} --once ended with ${code}: ${text.slice(-500)}`)
    const groups = parseSamples(text).filter(
      ({ name }) => name === 'namedprocess_namegroup_num_procs',
    )
    require(groups.length > 0, `${NAME} --once prints no group of processes`)
    const other = join(directory, 'node_modules', '.bin', 'process-exporter')
    const tracked = await run(other, ['--once', '-procnames=node,MainThread', '--log.level=silent'])
    const hasGroup = parseSamples(tracked.output).some(({ labels }) =>
      /^(?:node|MainThread)$/.test(labels.groupname ?? ''),
    )
    require(tracked.code === 0 && hasGroup, `process-exporter --once: ${tracked.output}`)
    const isOther = ({ name }: { name: string }) =>
      /^(?:container|cgroup|kubevirt|target)_/.test(name)
    require(!parseSamples(tracked.output).some(isOther), 'process-exporter has no profile')
    await checkLibrary(directory)
    return `installed, it prints ${groups.length} groups of processes`
  },
}

/** The example of the documentation compiles with the package's types, and a program that imports the package runs. */
async function checkLibrary(directory: string): Promise<void> {
  const [, example = ''] = /```ts\n([^`]+)```/.exec(readFileSync(LIBRARY_PAGE, 'utf8')) ?? []
  require(example.includes('openInterrogator'), 'docs/library.md has no example')
  writeFileSync(join(directory, 'example.mts'), example)
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
  ]
  const types = ['--typeRoots', join(ROOT, 'node_modules/@types')]
  const compiler = join(ROOT, 'node_modules/.bin/tsc')
  const compiled = await run(compiler, [...options, ...types, join(directory, 'example.mts')])
  require(compiled.code === 0, `the example of docs/library.md is wrong: ${compiled.output}`)

  const program = join(directory, 'program.mjs')
  writeFileSync(program, PROGRAM)
  const { code, output } = await run(process.execPath, [program])
  require(code === 0 && output.includes('procgroup.'), `the library gives nothing: ${output}`)
}

const LIBRARY_PAGE = join(ROOT, 'docs/library.md')
const PROGRAM = `
import { openInterrogator } from 'otel-interrogator'
const interrogator = await openInterrogator()
const { resourceMetrics } = await interrogator.collect()
for (const { metrics } of resourceMetrics.scopeMetrics)
  for (const { descriptor } of metrics) console.log(descriptor.name)
await interrogator.close()
`
