/** Times in templates: what is printed is what Go prints. */
import { testOutputs } from './outputs.ts'

testOutputs([
  [
    '{{.StartTime}} {{.StartTime.String}} {{.StartTime.UTC}}',
    '2020-09-13 12:26:52.34 +0000 UTC 2020-09-13 12:26:52.34 +0000 UTC 2020-09-13 12:26:52.34 +0000 UTC',
  ],
  [
    '{{.StartTime.Unix}} {{.StartTime.UnixMilli}} {{.StartTime.UnixMicro}} {{.StartTime.UnixNano}}',
    '1600000012 1600000012340 1600000012340000 1600000012340000000',
  ],
  [
    '{{.StartTime.Year}}-{{.StartTime.Month}}-{{.StartTime.Day}} {{.StartTime.Weekday}} {{.StartTime.Hour}}:{{.StartTime.Minute}}:{{.StartTime.Second}}',
    '2020-September-13 Sunday 12:26:52',
  ],
  ['{{.StartTime.Month.String}} {{print .StartTime.Month 1}}', 'September September 1'],
  ['{{.StartTime.Format "2006-01-02T15:04:05Z07:00"}}', '2020-09-13T12:26:52Z'],
  [
    '{{.StartTime.Format "Mon Jan _2 15:04:05 2006"}} {{"2006" | .StartTime.Format}}',
    'Sun Sep 13 12:26:52 2020 2020',
  ],
  [
    '{{.StartTime.Format "Monday, 02-Jan-06 03:04:05 PM pm MST"}}',
    'Sunday, 13-Sep-20 12:26:52 PM pm UTC',
  ],
  ['{{.StartTime.Format "January 2 3:4:5 1 002 __2"}}', 'September 13 12:26:52 9 257 257'],
  [
    '{{.StartTime.Format "05.000 05.00 05.0 05.999 05.999999999 05,000 15.04.05"}}',
    '52.340 52.34 52.3 52.34 52.34 52,340 12.26.52',
  ],
  [
    '{{.StartTime.Format "-0700 -07:00 -07 Z0700 Z07:00 Z07 -070000 -07:00:00 Z070000 Z07:00:00"}}',
    '+0000 +00:00 +00 Z Z Z +000000 +00:00:00 Z Z',
  ],
  [
    '{{.StartTime.Format "Janet Monkey JAN _2006 _20 20060102150405"}}',
    'Janet Monkey JAN _2020 130 20200913122652',
  ],
])
