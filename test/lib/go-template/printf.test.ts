/** printf in templates: what is printed is what Go prints. */
import { testOutputs } from './outputs.ts'

testOutputs([
  [
    '{{printf "%v %v %v %v %v" .Comm .PID .Cgroups .Matches .StartTime}}',
    'bash 42 [/a /b:c] map[:6379 A1:x y\n E: _x:é<&\'" a:s b:redis c:6379 é:u] 2020-09-13 12:26:52.34 +0000 UTC',
  ],
  ['{{printf "%v %v %v %v" 1.5 1e6 true nil}}', '1.5 1e+06 true <nil>'],
  [
    '{{printf "%s|%5s|%-6s|%.2s|%6.2s|%.2s" .Comm "é" "é" .Comm .Comm "日本語"}}',
    'bash|    é|é     |ba|    ba|日本',
  ],
  [
    '{{printf "%q %q %q" .Comm "é\\n\\"\\\\\\x00\\x7f\\u2028☺" .Cgroups}}',
    '"bash" "é\\n\\"\\\\\\x00\\x7f\\u2028☺" ["/a" "/b:c"]',
  ],
  ['{{printf "%q %c %U" 65 128512 128512}}', "'A' 😀 U+1F600"],
  [
    '{{printf "%x %X % x %#x %x" .Comm .Comm .Comm .Comm .Cgroups}}',
    '62617368 62617368 62 61 73 68 0x62617368 [2f61 2f623a63]',
  ],
  [
    '{{printf "%d|%5d|%-5d|%05d|%+d|% d|%+05d|%06d" 42 42 42 42 42 42 42 -42}}',
    '42|   42|42   |00042|+42| 42|+0042|-00042',
  ],
  ['{{printf "%.3d|%8.3d|%08.3d" 5 5 5}}', '005|     005|     005'],
  [
    '{{printf "%x %X %o %b %O %#x %#X %#o %#b %x" 255 255 8 5 8 255 255 8 5 -42}}',
    'ff FF 10 101 0o10 0xff 0XFF 010 0b101 -2a',
  ],
  [
    '{{printf "%f|%.2f|%8.3f|%-8.1f|%08.2f|%+.1f|% .1f" 1.5 1.5 1.5 1.5 1.5 1.5 1.5}}',
    '1.500000|1.50|   1.500|1.5     |00001.50|+1.5| 1.5',
  ],
  [
    '{{printf "%e %E %g %G %.3g %g" 123456.789 1.5 123456.789 1e-10 1234.5 1e100}}',
    '1.234568e+05 1.500000E+00 123456.789 1E-10 1.23e+03 1e+100',
  ],
  ['{{printf "%t %5t|%-7t|" true false true}}', 'true false|true   |'],
  [
    '{{printf "%d %02d %s %v %d" .StartTime.Month .StartTime.Month .StartTime.Month .StartTime.Month .StartTime.Weekday}}',
    '9 09 September September 0',
  ],
  [
    '{{printf "%T %T %T %T %T %T %T" 1 "a" 1.5 true nil .Cgroups .Matches}}',
    'int string float64 bool <nil> []string map[string]string',
  ],
  ['{{printf "%*d|%-*d|%.*f" 5 42 5 42 2 3.14159}}', '   42|42   |3.14'],
  ['{{printf "100%% %"}}', '100% %!(NOVERB)'],
  [
    '{{printf "%d" "x"}} {{printf "%s" 1}} {{printf "%d" nil}} {{printf "%z" 1}} {{printf "%!" 1}}',
    '%!d(string=x) %!s(int=1) %!d(<nil>) %!z(int=1) %!!(int=1)',
  ],
  [
    '{{printf "%d" .Cgroups}} {{printf "%6v" .Cgroups}} {{printf "%t" 1}} {{printf "%d" 1.5}} {{printf "%f" 1}}',
    '[%!d(string=/a) %!d(string=/b:c)] [    /a   /b:c] %!t(int=1) %!d(float64=1.5) %!f(int=1)',
  ],
  [
    '{{printf "%s %s" "a"}} {{printf "a" 1 "b" nil}} {{printf "%d"}}',
    'a %!s(MISSING) a%!(EXTRA int=1, string=b, <nil>) %!d(MISSING)',
  ],
  ['{{.PID | printf "%d-%s" 1}}', '1-%!s(int=42)'],
])
