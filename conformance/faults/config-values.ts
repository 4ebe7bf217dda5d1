/** Values that people, scripts and enemies write into configurations. */
import type { Dice } from '../support/random.ts'

/** Words that are something else in JavaScript. */
const TRAPS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'length', '']
const NUMBERS = [0, -0, 1, -1, 1.5, 9464, 65_536, 2 ** 31, 2 ** 53 + 2, 1e300, 1e-300]
const WORDS = [
  'true',
  'no',
  'auto',
  'otel',
  'classic',
  'none',
  'strict',
  'title',
  'NaN',
  '.inf',
  '0x10',
  '0o7',
  '1_000',
  '10s',
  '1m30s',
  '-1s',
  '1e9h',
  '999999999999999999999h',
  '3MiB',
  '9999999999GiB',
  '/proc',
  '/metrics',
  '/a b',
  'localhost:4317',
  'http://[::1]:4317',
  'https://x:y@h:99999/',
  '[::1]:9464',
  ':80',
  ':99999',
  'a:b:c',
  'k=v,k2=%41',
  'k=%zz',
  '=',
  'memory:some:150ms:2s',
  'cpu:full:3s:2s',
  'é\u0000\uFFFF',
  '\ud800',
  '\u202e',
  ' ',
  '\t',
  '\n',
  "'",
  '"',
  '`',
  '$HOME',
  '$(id)',
  '../../x',
  '/dev/null',
  '/',
  '.',
  '[{"name":"q","argv":["*"]}]',
  '[{"argv":["[z-a]"]}]',
  '[[[[',
  '{"a":',
]
const PATTERNS = [
  '.*',
  '',
  '(',
  ')',
  '(?P<x>.*)',
  '(?P<x>a)|(?P<x>b)',
  '(?<x>',
  '[',
  '[]',
  '[^]',
  '[z-a]',
  '\\',
  '\\Q',
  '(a+)+$',
  '(a|a)*b',
  '((a{9}){9}){9}',
  'a{1000}',
  'a{1001}',
  'x{2,1}',
  '(?i)(?s)É',
  '\\pL',
  '\\p{Zzz}',
  '(?=a)',
  '\\1',
  '^$',
  '*',
  '**',
  '**/**/**/**/x',
  '*a*a*a*a*a*a*a*b',
  '[a-\\]',
  '[!a]',
  '?'.repeat(50),
]
const TEMPLATES = [
  '{{.Comm}}',
  '{{',
  '}}',
  '{{}}',
  '{{.}}',
  '{{.Nobody}}',
  '{{.Matches.x}}',
  '{{.StartTime.Year}}',
  '{{range .Cgroups}}{{.}}{{end}}',
  '{{if}}',
  '{{if .PID}}{{else}}',
  '{{end}}',
  '{{define "a"}}{{end}}',
  '{{template "a"}}',
  '{{printf "%999999999d" .PID}}',
  '{{printf "%*d" 99999999 1}}',
  '{{index .Cgroups 99}}',
  '{{slice .Comm 5 2}}',
  '{{with $x := .Comm}}{{$x}}{{end}}',
  '{{$y}}',
  '{{len 5}}',
  '{{eq 1 "1"}}',
  '{{and}}',
  '{{/* x',
  '{{- -}}',
  '{{"\\xff\\u12"}}',
  '{{99999999999999999999}}',
  '{{.Comm | printf "%s"}}',
  '{{(((((1)))))}}',
  '{{not}}',
  '{{break}}',
  '{{printf "%s" .ExeFull | print | printf "%q"}}',
  '{{.Comm.Comm}}',
]
const LONG = 60_000

export function word(dice: Dice): string {
  const kind = dice.integer(0, 99)
  if (kind < 10) return dice.pick(TRAPS)
  if (kind < 35) return dice.pick(PATTERNS)
  if (kind < 50) return dice.pick(TEMPLATES)
  if (kind < 53)
    return dice.pick(['a', '[', '(', '{{', '*a', 'a,', '{', '[[']).repeat(dice.integer(50, LONG))
  return dice.pick(WORDS)
}

export function scalar(dice: Dice): unknown {
  return dice.pick<() => unknown>([
    () => word(dice),
    () => word(dice),
    () => dice.pick(NUMBERS),
    () => dice.chance(0.5),
    () => null,
  ])()
}

/** Any value, of some depth. */
export function anything(dice: Dice, depth = 3): unknown {
  const kind = depth === 0 ? 9 : dice.integer(0, 9)
  if (kind < 2) return dice.list(0, 4, () => anything(dice, depth - 1))
  if (kind < 4) return mapOf(dice.list(0, 4, () => [word(dice), anything(dice, depth - 1)]))
  return scalar(dice)
}

/** Also with a key `__proto__`, which a literal would take for something else. */
export function mapOf(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries)
}
