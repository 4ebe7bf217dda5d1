/**
 * Bundles the program and the library into `dist/`, with their assets and the licences of what is bundled. One file that has only
 * the code in use takes less memory and starts faster than hundreds of modules.
 */
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'

const ROOT = import.meta.dirname
const DIST = join(ROOT, 'dist')
const LICENSES = 'THIRD-PARTY-LICENSES.txt'

/** Files that are read at run time, by the folder of `dist/` that they are in. */
const ASSETS: Readonly<Record<string, readonly string[]>> = {
  'kernel/bpf': ['src/kernel/bpf/*.skel', 'src/kernel/bpf/LICENSE.bpf'],
  'web/page': ['src/web/page/*', 'node_modules/uplot/dist/uPlot.{iife.min.js,min.css}'],
}

/** A module finds its assets beside itself, as in `src/`, although its code is in a chunk. */
const ownAddress: Plugin = {
  name: 'own-address',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const module = relative(join(ROOT, 'src'), path)
      const address = `new URL(${JSON.stringify(`../${module}`)}, import.meta.url).href`
      const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', address)
      return { contents, loader: 'ts' }
    })
  },
}

/**
 * OpenTelemetry's packages require gRPC by a function of their own, which is not seen as one: they would load a second copy of it, whose
 * objects the first one refuses.
 */
const oneGrpc: Plugin = {
  name: 'one-grpc',
  setup({ onLoad }) {
    onLoad({ filter: /\/otlp-grpc-exporter-base\/dist\/.*\.mjs$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      return { contents: text.replaceAll('__require("@grpc/grpc-js")', 'require("@grpc/grpc-js")') }
    })
  },
}

/**
 * An ES module that imports `node:http` makes Node.js read all of its exports, also those that it loads when they are read: `WebSocket`
 * and, with it, the client behind `fetch`, 3 MiB of heap. What is required does not.
 */
const httpWithoutFetch: Plugin = {
  name: 'http-without-fetch',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(?:node:)?http$/ }, ({ kind }) =>
      kind === 'require-call' ? undefined : { path: 'node:http', namespace: 'required' },
    )
    onLoad({ filter: /^/, namespace: 'required' }, ({ path }) => {
      const exported = Object.getOwnPropertyDescriptors(process.getBuiltinModule(path))
      const names = Object.keys(exported).filter((name) => exported[name].get === undefined)
      return { contents: `export const { ${names.join()} } = require('${path}')` }
    })
  },
}

rmSync(DIST, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/main.ts', 'src/index.ts'],
  outdir: DIST,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.18',
  // Native code, and a package that is large and seldom read.
  external: ['koffi', '@opentelemetry/configuration'],
  // CommonJS modules require those of Node.js.
  banner: {
    js: `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url)`,
  },
  // They are in a file of their own.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  plugins: [ownAddress, oneGrpc, httpWithoutFetch],
})

refuseCommonjsOnDemand(metafile)
for (const [folder, patterns] of Object.entries(ASSETS)) {
  const target = join(DIST, folder)
  mkdirSync(target, { recursive: true })
  for (const path of globSync([...patterns], { cwd: ROOT })) {
    cpSync(join(ROOT, path), join(target, path.slice(path.lastIndexOf('/') + 1)))
  }
}
cpSync(join(ROOT, 'node_modules/uplot/LICENSE'), join(DIST, 'web/page/uPlot.LICENSE'))
writeFileSync(join(DIST, LICENSES), licensesOf(Object.keys(metafile.inputs)))

/** A CommonJS module that is imported on demand has no named exports in a bundle. @throws Error */
function refuseCommonjsOnDemand({ inputs }: Metafile): void {
  for (const [path, { imports }] of Object.entries(inputs)) {
    for (const imported of imports) {
      if (imported.kind !== 'dynamic-import' || inputs[imported.path]?.format !== 'cjs') continue
      throw new Error(
        `${path} imports ${imported.original} on demand, which is CommonJS: import it in a module of its own, and that one on demand`,
      )
    }
  }
}

/** The licences of the packages that modules belong to. @throws Error when a package has none. */
function licensesOf(modules: readonly string[]): string {
  const packages = new Set(
    modules.flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  )
  const texts = [...packages].sort().map((directory) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(ROOT, directory, 'package.json'), 'utf8'),
    ) as Readonly<Record<string, string | undefined>>
    const files = globSync('{LICEN[SC]E,COPYING,NOTICE}*', { cwd: join(ROOT, directory) }).sort()
    if (license === undefined && files.length === 0) throw new Error(`${name} has no licence`)
    const contents = files.map((file) => readFileSync(join(ROOT, directory, file), 'utf8').trim())
    return [`${name} ${version} (${license})`, ...contents].join('\n\n')
  })
  return `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
