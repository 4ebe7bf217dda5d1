/** Templates that Go refuses, too, and those that it ends while they are executed. */
import test from 'ava'
import fc from 'fast-check'
import { compileNameTemplate } from '../../../src/collectors/process-groups/classify/name-template.ts'
import { FACTS, MATCHES, testOutputs } from './outputs.ts'

// What was printed before the error stays.
testOutputs([
  ['pre-{{.Nope}}-post', 'pre-'],
  ['x{{index .Cgroups 9}}y', 'x'],
  ['x{{index .Cgroups -1}}y', 'x'],
  ['x{{index .Cgroups 1.0}}y', 'x'],
  ['x{{index .Matches 1}}y', 'x'],
  ['x{{.Comm.x}}y', 'x'],
  ['x{{.Cgroups.x}}y', 'x'],
  ['x{{.Comm 1}}y', 'x'],
  ['x{{.Matches "b"}}y', 'x'],
  ['x{{.Matches.b 1}}y', 'x'],
  ['x{{1 | .Comm}}y', 'x'],
  ['x{{1 2}}y', 'x'],
  ['x{{nil}}y', 'x'],
  ['x{{if nil}}{{end}}y', 'x'],
  ['x{{$x := $x}}y', 'x'],
  ['x{{$x = 1}}y', 'x'],
  ['x{{if $x = 1}}{{end}}y', 'x'],
  ['x{{template "nope"}}y', 'x'],
  ['x{{range .Comm}}{{end}}y', 'x'],
  ['x{{range true}}{{end}}y', 'x'],
  ['x{{range ""}}{{else}}z{{end}}y', 'x'],
  ['x{{.StartTime.Nope}}y', 'x'],
  ['x{{.StartTime.Unix 1}}y', 'x'],
  ['x{{.StartTime.Format}}y', 'x'],
  ['x{{.StartTime.Format 1}}y', 'x'],
  ['x{{len .PID}}y', 'x'],
  ['x{{len nil}}y', 'x'],
  ['x{{len}}y', 'x'],
  ['x{{not 1 2}}y', 'x'],
  ['x{{and}}y', 'x'],
  ['x{{eq 1}}y', 'x'],
  ['x{{eq .Comm 7}}y', 'x'],
  ['x{{eq 1 1.0}}y', 'x'],
  ['x{{lt true false}}y', 'x'],
  ['x{{lt nil 1}}y', 'x'],
  ['x{{eq .Cgroups .Cgroups}}y', 'x'],
  ['x{{ne 1 2 3}}y', 'x'],
  ['x{{slice .Comm 3 1}}y', 'x'],
  ['x{{slice .Comm 1 2 3}}y', 'x'],
  ['x{{slice .Comm 0 9}}y', 'x'],
  ['x{{slice .Matches 0}}y', 'x'],
  ['x{{slice .Cgroups 0 2 1}}y', 'x'],
  ['x{{printf 1}}y', 'x'],
  ['x{{range .Cgroups}}{{.}}{{index $.Cgroups 9}}{{end}}y', 'x/a'],
])

const REFUSED = [
  '{{.Comm',
  '{{.Comm}',
  '{{"open}}',
  '{{`open}}',
  "{{'ab'}}",
  '{{"\\z"}}',
  '{{"\\\'"}}',
  '{{/* open }}',
  '{{/* a */ .Comm}}',
  '{{ /* c */}}',
  '{{}}',
  '{{- }}',
  '{{nope .Comm}}',
  '{{.Comm | nope}}',
  '{{$x}}',
  '{{$x := 1}}{{define "a"}}{{$x}}{{end}}',
  '{{if $x := 1}}{{end}}{{$x}}',
  '{{$x := }}',
  '{{$x, $y := .Cgroups}}',
  '{{range $x, $y, $z := .Cgroups}}{{end}}',
  '{{if .Comm}}',
  '{{if}}{{end}}',
  '{{if 1}}a{{else}}b{{else}}c{{end}}',
  '{{with 0}}x{{else if 1}}y{{end}}',
  '{{range .Cgroups}}x{{else range .Cgroups}}y{{end}}',
  '{{end}}',
  '{{else}}',
  '{{end 1}}',
  '{{define "a"}}',
  '{{define a}}{{end}}',
  '{{define "a"}}1{{end}}{{define "a"}}2{{end}}',
  '{{if 1}}{{define "a"}}x{{end}}{{end}}',
  '{{template .Comm}}',
  '{{(.Comm}}',
  '{{.Comm)}}',
  '{{()}}',
  '{{|}}',
  '{{.Comm || len}}',
  '{{1 | 2}}',
  '{{1 | .}}',
  '{{.Comm ?}}',
  '{{.Comm + 1}}',
  '{{.Comm-}}',
  '{{.Comm.}}',
  '{{..}}',
  '{{"a".x}}',
  '{{true.x}}',
  '{{.Matches.1}}',
  '{{.Matches.a-b}}',
  '{{print 1"a"}}',
  '{{print(1)}}',
  '{{printf"a"}}',
  '{{08}}',
  '{{1__0}}',
  '{{99999999999999999999}}',
  '{{1+2}}',
]

for (const template of REFUSED) {
  test(`${JSON.stringify(template)} is refused`, (t) => {
    t.throws(() => compileNameTemplate(template), { name: 'TemplateError' })
  })
}

test('the error of a refused template says where it is wrong', (t) => {
  const position = (template: string) =>
    t.throws(() => compileNameTemplate(template), { name: 'TemplateError' }) as Error & {
      position: number
    }
  t.is(position('a {{nope .Comm}}').position, 4)
  t.regex(position('a {{nope .Comm}}').message, /no function nope.*\(at character 5\)/)
  t.regex(position('{{.Comm}} {{$x}}').message, /\$x is not defined \(at character 13\)/)
  t.regex(position('{{if .Comm}}').message, /{{if}} has no {{end}}/)
  t.regex(position('x {{.Comm').message, /no end .*\(at character 3\)/)
})

test('templates that call each other for ever are ended', (t) => {
  const template = compileNameTemplate('a{{define "t"}}{{template "t"}}{{end}}{{template "t"}}b')
  t.is(template(FACTS, MATCHES), 'a')
})

const PARTS =
  '{{ }} {{- -}} | ( ) , := = . $ $x "a" `b` 1 -2 1.5 \'c\' nil true .Comm .PID .Cgroups .Matches .Nope ' +
  '.StartTime if else end range with define template and eq index len printf "%5.2d" slice /* */ - + \\ " \n é'

test('whatever a template is made of, it is refused with a reason or gives a text', (t) => {
  const parts = fc.constantFrom(' ', ...PARTS.split(' '))
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 20 }), (chosen) => {
      try {
        const template = compileNameTemplate(chosen.join(' '))
        t.is(typeof template(FACTS, MATCHES), 'string')
      } catch (error) {
        t.is((error as Error).name, 'TemplateError')
      }
    }),
    { numRuns: 500 },
  )
})
