import test from 'ava'
import type { MetricKind } from '../../../src/telemetry/definitions.ts'
import { labelText } from '../../../src/telemetry/prometheus/labels.ts'
import { labelName, prometheusName } from '../../../src/telemetry/prometheus/names.ts'

/** Name, unit and kind, and what the Collector's Prometheus exporter makes of them. */
const NAMES: [string, string, MetricKind, string][] = [
  ['process.cpu.time', 's', 'counter', 'process_cpu_time_seconds_total'],
  ['process.memory.usage', 'By', 'updowncounter', 'process_memory_usage_bytes'],
  ['process.memory.utilization', '1', 'gauge', 'process_memory_utilization_ratio'],
  ['process.uptime', 's', 'gauge', 'process_uptime_seconds'],
  ['process.thread.count', '{thread}', 'updowncounter', 'process_thread_count'],
  ['process.context_switches', '{context_switch}', 'counter', 'process_context_switches_total'],
  ['process.disk.io', 'By', 'counter', 'process_disk_io_bytes_total'],
  ['request.duration.seconds', 's', 'gauge', 'request_duration_seconds'],
  ['total.bytes', 'By', 'counter', 'bytes_total'],
  ['speed', 'By/s', 'gauge', 'speed_bytes_per_second'],
  ['cpu.ratio', '1', 'counter', 'cpu_ratio_total'],
  ['a..b--c', '', 'gauge', 'a_b_c'],
  ['2xx.responses', '{response}', 'counter', '_2xx_responses_total'],
  ['room.temperature', 'Cel', 'gauge', 'room_temperature_celsius'],
]

for (const [name, unit, kind, expected] of NAMES) {
  test(`${name} in ${unit || 'nothing'} as ${kind} is ${expected}`, (t) => {
    t.is(prometheusName(name, unit, kind), expected)
  })
}

test('labels', (t) => {
  t.is(labelName('k8s.pod.name'), 'k8s_pod_name')
  t.is(labelName('2nd'), 'key_2nd')
})

test('label text is sorted and escaped, and labels that collide are joined', (t) => {
  t.is(labelText({}), '')
  t.is(labelText({ 'b.x': 'two', a: 'one', 'b-x': 'three' }), 'a="one",b_x="three;two"')
  t.is(labelText({ a: 'q"b\\n\n' }), 'a="q\\"b\\\\n\\n"')
  t.is(labelText({ a: ['x', 'y'], b: 7, c: true }), 'a="[\\"x\\",\\"y\\"]",b="7",c="true"')
})
