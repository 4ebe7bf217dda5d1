/** The direction of imports, as docs/architecture.md has it: between rooms, between collectors, and around `src`. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What each room of `src` may import of ours, besides itself. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  workloads: ['kernel', 'lib'],
  lib: [],
  telemetry: ['lib'],
  config: ['lib', 'telemetry', 'workloads', 'web', 'recorder', 'collectors'],
  entities: ['kernel', 'workloads', 'telemetry', 'lib'],
  collectors: ['kernel', 'workloads', 'entities', 'telemetry', 'recorder', 'lib'],
  recorder: ['kernel', 'telemetry', 'lib'],
  web: ['telemetry', 'lib', 'recorder'],
  'version.ts': [],
  agent: [
    'kernel',
    'workloads',
    'entities',
    'telemetry',
    'config',
    'collectors',
    'recorder',
    'web',
    'lib',
  ],
  commands: [
    'agent',
    'kernel',
    'workloads',
    'telemetry',
    'config',
    'collectors',
    'version.ts',
    'lib',
  ],
  'index.ts': ['agent', 'version.ts'],
  'main.ts': ['commands'],
}

/** What each folder of the top may import, besides itself: what is shipped needs nothing that only checks it. */
const TOP: Readonly<Record<string, readonly string[]>> = {
  src: [],
  otel: ['src'],
  deploy: ['src'],
  test: ['src', 'otel', 'deploy'],
  conformance: ['src', 'otel', 'deploy', 'test/support'],
}

test('rooms of src import one way', (t) => {
  const files = globSync('src/**/*.ts', { cwd: ROOT })
  t.true(files.length > 40)
  for (const file of files) {
    const room = file.split('/')[1]
    t.true(room in ROOMS, `${file} is in a room that is not planned`)
    for (const imported of importsOf(file).filter((path) => path.startsWith('src/'))) {
      const other = imported.split('/')[1]
      const isAllowed = other === room || ROOMS[room]?.includes(other)
      t.true(isAllowed, `${file} imports ${imported}: ${room} may not import ${other}`)
    }
  }
})

test('collectors do not import each other', (t) => {
  for (const file of globSync('src/collectors/*/**/*.ts', { cwd: ROOT })) {
    const collector = file.split('/')[2]
    for (const imported of importsOf(file)) {
      const [top, room, other, ...rest] = imported.split('/')
      const isSibling =
        top === 'src' && room === 'collectors' && rest.length > 0 && other !== collector
      t.false(isSibling, `${file} imports ${imported}: what both need belongs in src/entities`)
    }
  }
})

test('what is shipped imports nothing that checks it, and tests import no conformance check', (t) => {
  for (const [folder, allowed] of Object.entries(TOP)) {
    const files = globSync(`${folder}/**/*.ts`, { cwd: ROOT })
    t.true(files.length > 0, folder)
    for (const file of files) {
      for (const imported of importsOf(file)) {
        const isAllowed = [folder, ...allowed].some((path) => imported.startsWith(`${path}/`))
        t.true(isAllowed || imported === 'package.json', `${file} imports ${imported}`)
      }
    }
  }
})

/** The files of ours that a file imports, below the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...specifiers].map(([, specifier]) =>
    relative(ROOT, normalize(join(ROOT, dirname(file), specifier as string))),
  )
}
