import { matchesGlob } from 'node:path'
import test from 'ava'
import { compilePathGlob, hasForeignSyntax } from '../../../src/lib/globs/path-glob.ts'

const CASES: [glob: string, text: string, matches: boolean][] = [
  ['a*', 'ab', true],
  ['a*', 'a/b', false],
  ['a**', 'a/b', true],
  ['a?', 'ab', true],
  ['a?', 'a/', false],
  ['a.b', 'axb', false],
  ['', '', true],
  ['*', '', true],
  ['*', '.hidden', true],
  // A whole segment stands for any number of segments.
  ['a/**/b', 'a/b', true],
  ['a/**/b', 'a/x/y/b', true],
  ['a/**/b', 'a/xb', false],
  ['**/b', 'b', true],
  ['**/b', 'a/c/b', true],
  ['**/b', 'ab', false],
  ['a/**', 'a/b/c', true],
  ['a/**', 'a', false],
  ['a**/b', 'ax/y/b', true],
  ['a**/b', 'a/b', true],
  ['(a|b)[c]{2}^$+\\', '(a|b)[c]{2}^$+\\', true],
  ['é\n*', 'é\nx', true],
  // What every object has.
  ['constructor', 'constructor', true],
]

for (const [glob, text, matches] of CASES) {
  test(`${JSON.stringify(glob)} and ${JSON.stringify(text)}`, (t) => {
    t.is(compilePathGlob(glob).test(text), matches)
  })
}

test('patterns of cgroups and names mean what they meant to path.matchesGlob', (t) => {
  const patterns = ['system.slice/*', 'system.slice/**', '**/docker.service', 'db-*', 'db-?', '*']
  const texts = ['system.slice', 'system.slice/a.service', 'system.slice/a/b', 'docker.service']
  texts.push('system.slice/docker.service', 'system.slice/a/docker.service', 'db-0', 'db-12', 'db')
  for (const pattern of patterns) {
    for (const text of texts) {
      const matches = compilePathGlob(pattern).test(text)
      t.is(matches, matchesGlob(text, pattern), `${pattern} and ${text}`)
    }
  }
})

test('no text makes a match last', (t) => {
  t.false(compilePathGlob(`${'**a'.repeat(12)}b`).test('a'.repeat(2000)))
})

test('signs of other dialects are recognised', (t) => {
  for (const glob of ['[ab]', 'a{b,c}', '!(a)', '*(a|b)', '@(a)']) t.true(hasForeignSyntax(glob))
  for (const glob of ['a*', 'a!b', '(a)', 'a-b.c', '**/x?']) t.false(hasForeignSyntax(glob))
})
