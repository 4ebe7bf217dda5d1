import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const SOURCE = fileURLToPath(new URL('../src', import.meta.url))

/** What each room may import of ours, besides itself. Data goes one way, and so do imports. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  workloads: ['kernel'],
  files: [],
  telemetry: ['files'],
  config: ['telemetry'],
  collectors: ['kernel', 'workloads', 'telemetry'],
  web: ['telemetry', 'files'],
  'version.ts': [],
  agent: ['kernel', 'workloads', 'telemetry', 'config', 'collectors', 'web'],
  'main.ts': ['agent', 'version.ts', 'config', 'collectors', 'telemetry'],
}

test('rooms import one way', (t) => {
  const files = globSync('**/*.ts', { cwd: SOURCE })
  t.true(files.length > 40)
  for (const file of files) {
    const room = roomOf(file)
    t.true(room in ALLOWED, `src/${room} is a room that nobody has planned`)
    for (const imported of importsOf(file)) {
      const other = roomOf(imported)
      const isAllowed = other === room || ALLOWED[room]?.includes(other)
      t.true(isAllowed, `src/${file} imports ${imported}: ${room} may not import ${other}`)
    }
  }
})

/** The first part of a path below src: a folder, or a file of the top. */
function roomOf(file: string): string {
  return file.split('/', 1)[0] as string
}

/** The files of ours that a file imports, below src. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8')
  const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...specifiers].map(([, specifier]) =>
    relative(SOURCE, normalize(join(SOURCE, dirname(file), specifier as string))),
  )
}
