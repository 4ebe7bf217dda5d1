/** The template language; expectations are what Go's text/template prints. */
import test from 'ava'
import { compileNameTemplate } from '../../../src/collectors/process-groups/rules/name-template.ts'

const FACTS = {
  comm: 'nginx',
  argv: ['/usr/bin/nginx', '-g'],
  pid: 7,
  ppid: 1,
  startTime: 1_600_000_012_340,
  username: () => 'www',
  cgroups: () => ['/a', '/b:c'],
  program: () => 'nginx',
}
const MATCHES = new Map([
  ['x', '6379'],
  ['', 'redis'],
  ['B', ''],
])

const CASES: [template: string, output: string][] = [
  ['', ''],
  ['no action', 'no action'],
  ['{{.Comm}}:{{.PID}}', 'nginx:7'],
  ['{{.Matches}} {{.Cgroups}}', 'map[:redis B: x:6379] [/a /b:c]'],
  ['{{.Matches.x}} {{.Matches.nope}} {{index .Matches "nope"}}', '6379 <no value> '],
  ['pre-{{.Nope}}-post', 'pre-'],
  ['{{index .Cgroups 9}}x', ''],
  ['a  {{- .Comm -}}  b', 'anginxb'],
  ['a {{/* no }} here */}} b {{- /* nor here */ -}} c', 'a  bc'],
  ['{{"q\\"\\t\\u00e9"}}{{`r\\t`}}{{1.5}}{{0x10}}{{true}}', 'q"\té' + 'r\\t1.516true'],
  ['{{if eq .Comm "bash" "nginx"}}yes{{else}}no{{end}}', 'yes'],
  ['{{if .Matches.B}}1{{else if lt .PID 5}}2{{else}}3{{end}}', '3'],
  ['{{range .Cgroups}}<{{.}}>{{end}}', '</a></b:c>'],
  ['{{range $i, $c := .Cgroups}}{{$i}}={{$c}};{{end}}', '0=/a;1=/b:c;'],
  ['{{range $k, $v := .Matches}}{{$k}}={{$v}};{{end}}', '=redis;B=;x=6379;'],
  ['{{range slice .Cgroups 0 0}}x{{else}}none{{end}}', 'none'],
  ['{{with .Username}}{{.}}{{end}}{{with .Matches.B}}x{{else}}empty{{end}}', 'wwwempty'],
  ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
  ['{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}', '21'],
  ['{{define "t"}}[{{.}}]{{end}}{{template "t" .Comm}}', '[nginx]'],
  ['{{.Comm | printf "%s-%d" "a" | len}}', '19'],
  ['{{(index .Cgroups 1) | printf "%q"}}', '"/b:c"'],
  ['{{printf "%05d|%-4s|%4s|%x|%t|%%" .PID "ab" "ab" "hi" true}}', '00007|ab  |  ab|6869|true|%'],
  [
    '{{printf "%d" "x"}} {{printf "%s"}} {{printf "a" 1}}',
    '%!d(string=x) %!s(MISSING) a%!(EXTRA int=1)',
  ],
  ['{{print 1 2 "a" "b" 3}}|{{println 1 "a"}}', '1 2ab3|1 a\n'],
  ['{{and 1 0 2}} {{or 0 "" "z"}} {{not 0}}', '0 z true'],
  ['{{len .Comm}} {{index .Comm 0}} {{slice .Comm 1 3}}', '5 110 gi'],
  ['{{html "<a&\'\\">"}}', '&lt;a&amp;&#39;&#34;&gt;'],
  ['{{urlquery "a b/é"}}', 'a+b%2F%C3%A9'],
  ['{{.StartTime}}', '2020-09-13 12:26:52.34 +0000 UTC'],
  [
    '{{.StartTime.Unix}} {{.StartTime.Format "Jan _2 15:04:05 2006"}}',
    '1600000012 Sep 13 12:26:52 2020',
  ],
  ['{{.Comm.Nope}}', ''],
  ['{{eq .Comm 7}}', ''],
  ['{{template "nope"}}', ''],
]

for (const [template, output] of CASES) {
  test(`${JSON.stringify(template)} prints ${JSON.stringify(output)}`, (t) => {
    t.is(compileNameTemplate(template)(FACTS, MATCHES), output)
  })
}

const REFUSED = [
  '{{.Comm',
  '{{nope .Comm}}',
  '{{$x}}',
  '{{if .Comm}}',
  '{{end}}',
  '{{else}}',
  '{{if .Comm}}{{else}}',
  '{{range}}{{end}}',
  '{{(.Comm}}',
  '{{}}',
  '{{"open}}',
  '{{define "a"}}',
  '{{template .Comm}}',
  '{{.Comm ?}}',
]

for (const template of REFUSED) {
  test(`${JSON.stringify(template)} is refused`, (t) => {
    t.throws(() => compileNameTemplate(template), { name: 'TemplateError' })
  })
}

test('a fact is asked for only when it is used', (t) => {
  const facts = { ...FACTS, username: () => t.fail() as never, cgroups: () => t.fail() as never }
  t.is(compileNameTemplate('{{.Comm}}{{if false}}{{.Username}}{{end}}')(facts, MATCHES), 'nginx')
})
