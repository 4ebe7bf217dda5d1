/** The template language: what is printed is what Go prints. */
import { testOutputs } from './outputs.ts'

testOutputs([
  ['', ''],
  ['no action', 'no action'],
  ['{{.Comm}}|{{.ExeBase}}|{{.ExeFull}}|{{.PID}}|{{.Username}}', 'bash|bash|/bin/bash|42|root'],
  [
    '{{.Cgroups}} {{.Matches}} {{.StartTime}}',
    '[/a /b:c] map[:6379 A1:x y\n E: _x:é<&\'" a:s b:redis c:6379 é:u] 2020-09-13 12:26:52.34 +0000 UTC',
  ],
  [
    '{{.Matches.b}} {{.Matches.zz}} {{.Matches.zz.c}} {{index .Matches "zz"}}|',
    'redis <no value> <no value> |',
  ],
  ['{{.Matches.é}}{{.Matches._x}}{{.Matches.if}}', 'ué<&\'"<no value>'],
  [
    '{{"a\\"\\t\\u00e9\\U0001F600\\101\\x41\\xc3\\xa9"}}{{`b\\t"`}}{{`a}}b`}}{{"a{{b"}}',
    'a"\té😀AAéb\\t"a}}ba{{b',
  ],
  [
    "{{'a'}} {{'\\n'}} {{'\\''}} {{0x1F}} {{0b101}} {{0o17}} {{017}} {{1_000}} {{-1}} {{+1}}",
    '97 10 39 31 5 15 15 1000 -1 1',
  ],
  [
    '{{1.50}} {{.5}} {{1.}} {{1e3}} {{1e20}} {{123456789.0}} {{0.0001}} {{0.00001}} {{-0.0}}',
    '1.5 0.5 1 1000 1e+20 1.23456789e+08 0.0001 1e-05 -0',
  ],
  ['{{true}}{{false}}{{9223372036854775807}}', 'truefalse9223372036854775807'],
  ['a {{/* no }} here */}} b {{- /* nor here */ -}} c', 'a  bc'],
  [' a {{- .Comm -}} b {{.Comm -}} {{- "x"}} c', ' abashb bashx c'],
  ['a\t{{-\t.Comm\t-}}\tb', 'abashb'],
  ['{{(.Matches).b}}{{((1))}}{{($).Comm}}{{(index .Cgroups 0) | len}}', 'redis1bash2'],
  ['{{.Comm | printf "%s-%s" "x" | len}}{{.Comm|}}', '6bash'],
  [
    '{{if .Comm}}1{{end}}{{if .Matches.zz}}2{{else}}3{{end}}{{if 0}}4{{else if .PID}}5{{else}}6{{end}}',
    '135',
  ],
  [
    '{{if 0.0}}a{{else}}b{{end}}{{if ""}}a{{else}}b{{end}}{{if .Cgroups}}a{{else}}b{{end}}{{if .}}a{{end}}',
    'bbaa',
  ],
  ['{{if eq .Comm "zsh"}}a{{else if eq .Comm "x"}}b{{end}}!', '!'],
  [
    '{{with .Matches}}{{.b}}{{$.PID}}{{end}}{{with .Matches.zz}}x{{else}}{{.PID}}{{end}}',
    'redis4242',
  ],
  ['{{with .Matches.zz}}x{{else with .Comm}}{{.}}{{else}}y{{end}}', 'bash'],
  ['{{with $x := .Comm}}{{$x}}{{.}}{{end}}', 'bashbash'],
  ['{{range .Cgroups}}[{{.}}{{$.Comm}}]{{end}}', '[/abash][/b:cbash]'],
  [
    '{{range $i, $c := .Cgroups}}{{$i}}={{$c}};{{end}}{{range $c := .Cgroups}}{{$c}};{{end}}',
    '0=/a;1=/b:c;/a;/b:c;',
  ],
  [
    '{{range $k, $v := .Matches}}{{$k}}={{$v}};{{end}}',
    '=6379;A1=x y\n;E=;_x=é<&\'";a=s;b=redis;c=6379;é=u;',
  ],
  [
    '{{range slice .Cgroups 2}}x{{else}}none{{.PID}}{{end}}{{range .Matches.zz}}x{{else}}y{{end}}',
    'none42y',
  ],
  ['{{range $i, $c := slice .Cgroups 2}}x{{else}}{{$i}}{{$c}}{{end}}', '[][]'],
  ['{{range .Cgroups}}{{range $.Cgroups}}{{.}}{{end}};{{end}}', '/a/b:c;/a/b:c;'],
  ['{{$a := 0}}{{$b := ""}}{{range $a, $b = .Cgroups}}{{end}}{{$a}}{{$b}}', '1/b:c'],
  ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}{{if true}}{{$x := 3}}{{$x}}{{end}}{{$x}}', '232'],
  ['{{$x := ""}}{{range .Cgroups}}{{$x = .}}{{end}}{{$x}}', '/b:c'],
  ['{{$x := .Matches}}{{$x.b}}{{$p := .}}{{$p.Comm}}', 'redisbash'],
  ['{{if $x := 0}}x{{else if $x}}y{{else}}z{{$x}}{{end}}', 'z0'],
  [
    '{{define "a"}}A{{.}}{{$}}{{end}}{{template "a" 1}}{{template "a"}}{{template `a` .Comm | len}}',
    'A11A<no value><no value>A44',
  ],
  ['{{template "a" .}}{{define "a"}}{{.Comm}}{{end}}', 'bash'],
  ['{{define "a"}}1{{end}}{{define "a"}} {{end}}{{template "a"}}', '1'],
  ['{{define "a"}}A{{end}}{{define "b"}}B{{template "a"}}{{end}}{{template "b"}}', 'BA'],
  ['{.Comm} }} {{.Comm}}}', '{.Comm} }} bash}'],
  ['{{`a\r\nb`|len}}', '3'],
  ['{{if\n.Comm}}\n x\n{{end -}}\n ', '\n x\n'],
  ['a {{- .Comm}}', 'a bash'],
])
