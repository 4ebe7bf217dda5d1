/** However the agent is started, Node.js gets the flags that `npm start` gives it. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } }
const FLAGS = scripts.start.split(' ').filter((word) => word.startsWith('--'))

test('npm start gives Node.js flags', (t) => {
  t.true(FLAGS.length > 3)
})

for (const path of ['Dockerfile', ...globSync('deploy/host/*.{service,conf}', { cwd: ROOT })]) {
  test(`${path} has the flags of npm start`, (t) => {
    const starts = read(path)
      .split('\n')
      .filter((line) => /^(?:ENTRYPOINT|ExecStart=\/)/.test(line))
    t.true(starts.length > 0)
    for (const line of starts) {
      const [, program = ''] = /bin\/node(.*?)(?:\/app\/|\/bin\/|\/opt\/)/.exec(line) ?? []
      t.deepEqual(program.match(/--[\w=-]+/g) as string[] | null, FLAGS)
    }
  })
}
