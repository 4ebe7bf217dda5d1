/** Regular expressions, with what Go's regexp finds and captures. */
import test from 'ava'
import { compilePattern } from '../../src/lib/re2.ts'

const CAPTURES: [pattern: string, text: string, captures: string[] | undefined][] = [
  ['(foo|foobar)', 'foobar', ['foo', 'foo']],
  ['(a|ab)(c|bcd)(d*)', 'abcd', ['abcd', 'a', 'bcd', '']],
  ['(a+?)(a*)', 'aaa', ['aaa', 'a', 'aa']],
  ['(?U)(a+)(a*)', 'aaa', ['a', 'a', '']],
  ['(a)|(b)', 'b', ['b', '', 'b']],
  ['(a*)+', 'b', ['', '']],
  ['-jar\\s+.*?([^/]+).jar', 'java -jar /opt/foo.jar', ['-jar /opt/foo.jar', 'foo']],
  ['a$', 'a\n', undefined],
  ['(?m)a$', 'a\n', ['a']],
  ['a.b', 'a\rb', ['a\rb']],
  ['^.$', '😀', ['😀']],
  ['\\s', '\v\u00a0\u2028', undefined],
  ['\\w', 'é', undefined],
  ['\\bé', 'é', undefined],
  ['(?i)k', '\u212a', ['\u212a']],
  ['[^a]', '\n', ['\n']],
  ['[]a]+', ']a', [']a']],
  ['\\p{Greek}+', 'aβγ', ['βγ']],
  ['\\x{1F600}', '😀', ['😀']],
  ['\\012', '\n', ['\n']],
  ['(?i:A)b', 'ab', ['ab']],
]

for (const [pattern, text, captures] of CAPTURES) {
  test(`${pattern} in ${JSON.stringify(text)} captures ${JSON.stringify(captures)}`, (t) => {
    t.deepEqual(compilePattern(pattern).find(text), captures)
  })
}

const NAMES: [pattern: string, names: string[]][] = [
  ['a', ['']],
  ['(?P<x>a)(b)(?<y>c)', ['', 'x', '', 'y']],
  ['(?P<n>a)(?P<n>b)?', ['', 'n', 'n']],
  ['(?P<a>(?P<b>.))|(?P<a>x)(?P<b>y)', ['', 'a', 'b', 'a', 'b']],
  ['(?P<group0>a)(?P<n>b)(?P<n>c)', ['', 'group0', 'n', 'n']],
  // What only looks like a group keeps its text.
  ['\\Q(?P<n>\\E(?P<n>a)', ['', 'n']],
  ['\\(?P<n>(?P<n>a)', ['', 'n']],
  ['[(?P<n>](?P<n>a)(?P<n>b)', ['', 'n', 'n']],
  ['[]](?P<n>a)|(?P<n>b)', ['', 'n', 'n']],
  ['[[:alpha:](?P<n>](?P<n>b)(?P<n>c)', ['', 'n', 'n']],
]

for (const [pattern, names] of NAMES) {
  test(`${pattern} has groups ${JSON.stringify(names)}`, (t) => {
    t.deepEqual(compilePattern(pattern).names, names)
  })
}

test('quoted text and classes mean the same when names repeat', (t) => {
  const { find } = compilePattern('\\Q(?P<n>x\\E(?P<n>a)[(?P<n>]+(?P<n>b)')
  t.deepEqual(find('(?P<n>xa<P?nb'), ['(?P<n>xa<P?nb', 'a', 'b'])
})

const REFUSED = ['(', ')', '[a', '*', 'a{2}{3}*+', '\\', '(?P<n>', '(?P=n)', '(?R)', '[[:foo:]]']

for (const pattern of [...REFUSED, '\\p{Foo}', '(?x)a', '((a{100}){100}){100}', '[z-a]', '\\8']) {
  test(`${pattern} is refused`, (t) => {
    t.throws(() => compilePattern(pattern), { message: /error parsing regexp/ })
  })
}
