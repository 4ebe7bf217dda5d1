import test from 'ava'
import { compileGlob } from '../../src/lib/glob.ts'

const CASES: [glob: string, text: string, matches: boolean][] = [
  ['a*', 'ab', true],
  ['a*', 'a/b', false],
  ['a**', 'a/b', true],
  ['a?', 'ab', true],
  ['a?', 'a/', false],
  ['a.b', 'axb', false],
  ['(a|b)[c]{2}^$+\\', '(a|b)[c]{2}^$+\\', true],
  ['é\n*', 'é\nx', true],
  // What every object has.
  ['constructor', 'constructor', true],
]

for (const [glob, text, matches] of CASES) {
  test(`${JSON.stringify(glob)} and ${JSON.stringify(text)}`, (t) => {
    t.is(compileGlob(glob).test(text), matches)
  })
}

test('no text makes a match last', (t) => {
  t.false(compileGlob(`${'**a'.repeat(12)}b`).test('a'.repeat(2000)))
})
