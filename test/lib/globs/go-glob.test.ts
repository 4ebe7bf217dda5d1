/** Patterns in the language of Go's path/filepath.Match. */
import test from 'ava'
import { compileGoGlob, PatternError } from '../../../src/lib/globs/go-glob.ts'

/** From the documentation of the Go function, and from its own tests. */
const CASES: readonly [pattern: string, text: string, matches: boolean][] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['a?b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[x\\-]', '-', true],
  ['*x', 'xxx', true],
  ['a.c', 'abc', false],
  ['/usr/*/qemu*', '/usr/libexec/qemu-kvm', true],
  ['/usr/*/qemu*', '/usr/local/bin/qemu-kvm', false],
]

for (const [pattern, text, matches] of CASES) {
  test(`${pattern} and ${text}`, (t) => t.is(compileGoGlob(pattern).test(text), matches))
}

test('what is malformed is refused', (t) => {
  for (const pattern of ['[a', 'a\\', '[', '[^', 'a[']) {
    t.throws(() => compileGoGlob(pattern), { instanceOf: PatternError }, pattern)
  }
})
