/** The functions of templates: what is printed is what Go prints. */
import { testOutputs } from './outputs.ts'

testOutputs([
  [
    '{{and 1 0 2}} {{and 1 2}} {{or 0 "" "z"}} {{or 0 ""}}| {{not 0}} {{not .}} {{and nil 1}}',
    '0 2 z | true false <no value>',
  ],
  [
    '{{if or .Comm (index .Cgroups 9)}}x{{end}}{{if and .Matches.zz (index .Cgroups 9)}}x{{else}}y{{end}}',
    'xy',
  ],
  ['{{1 | and 0}} {{2 | and 1}} {{.Comm | or 1}}', '0 2 1'],
  [
    '{{eq 1 1}} {{eq 1 2 3 1}} {{eq "a" "b"}} {{eq 1.5 1.5}} {{eq true true}} {{eq \'a\' 97}}',
    'true true false true true true',
  ],
  [
    '{{eq nil nil}} {{eq .Matches.zz "a"}} {{ne nil 1}} {{eq .StartTime .StartTime}} {{eq .StartTime.Month 9}}',
    'true false true true true',
  ],
  [
    '{{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 2 1}} {{ge 1 2}} {{lt 1.5 2.5}} {{lt .StartTime.Month 10}}',
    'true true true true false true true',
  ],
  [
    '{{lt "a" "b"}} {{lt "a" "B"}} {{le "é" "z"}} {{gt "b" "a"}} {{ge "a" "a"}}',
    'true false false true true',
  ],
  ['{{len .Comm}} {{len "日本語"}} {{len .Cgroups}} {{len .Matches}}', '4 9 2 8'],
  [
    '{{index .Cgroups 1}} {{index .Matches "b"}} {{index .Matches ""}} {{index .Comm 0}} {{index "日本語" 0}} {{index 1}}',
    '/b:c redis 6379 98 230 1',
  ],
  ['{{index (slice .Cgroups 1) 0}} {{index .Cgroups 1 0}}', '/b:c 47'],
  [
    '{{slice .Comm}} {{slice .Comm 1}} {{slice .Comm 1 3}} {{slice "日本語" 3 6}} {{slice .Cgroups 1}} {{slice .Cgroups 0 1 2}}',
    'bash ash as 本 [/b:c] [/a]',
  ],
  [
    '{{print 1 2 "a" 3 4 "b" "c" true false}} {{print nil}} {{print .Cgroups .Matches}} {{print}}|',
    '1 2a3 4bctrue false <nil> [/a /b:c] map[:6379 A1:x y\n E: _x:é<&\'" a:s b:redis c:6379 é:u] |',
  ],
  ['{{println 1 "a" nil .Cgroups}}{{println}}', '1 a <nil> [/a /b:c]\n\n'],
])
