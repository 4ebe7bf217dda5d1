/** Every export is documented: a docstring that begins with what the thing is. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The rooms of `src` that are complete. */
const ROOMS = [
  ...['collectors', 'entities', 'kernel', 'lib', 'telemetry', 'workloads'],
  ...['agent', 'web', 'config', 'recorder', 'commands'],
]

const EXPORT =
  /^export (?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|enum) (?<name>\w+)/

for (const room of ROOMS) {
  test(`every export of src/${room} has a docstring`, (t) => {
    const files = globSync(`src/${room}/**/*.ts`, { cwd: ROOT })
    t.true(files.length > 0)
    t.deepEqual(files.flatMap(undocumented), [])
  })
}

test('an export without a docstring is found', (t) => {
  t.deepEqual(undocumentedIn('/** One. */\nexport const one = 1\n'), [])
  t.deepEqual(undocumentedIn('/**\n * One.\n *\n * @throws Error\n */\nexport class One {}\n'), [])
  t.deepEqual(undocumentedIn('export const one = 1\n'), ['one'])
  t.deepEqual(undocumentedIn('/** One. */\n\nexport type One = 1\n'), ['One'])
  t.deepEqual(undocumentedIn('/** @param a what. */\nexport function one(a) {}\n'), ['one'])
})

function undocumented(file: string): string[] {
  return undocumentedIn(readFileSync(join(ROOT, file), 'utf8')).map((name) => `${file}: ${name}`)
}

/** Names of exports whose docstring is missing, or has tags only; of an overloaded function the first signature counts. */
function undocumentedIn(text: string): string[] {
  const lines = text.split('\n')
  const names = new Map<string, boolean>()
  for (const [index, line] of lines.entries()) {
    const name = EXPORT.exec(line)?.groups?.name
    if (name === undefined || names.has(name)) continue
    const before = lines.slice(0, index).join('\n')
    const start = before.lastIndexOf('/**')
    const isDocumented = before.endsWith('*/') && !/^[\s/*]*@/.test(before.slice(start))
    names.set(name, isDocumented)
  }
  return [...names].flatMap(([name, isDocumented]) => (isDocumented ? [] : name))
}
