/** Settings of perf events. */
import { BOOLEAN, integer, listOf, oneOf, TEXT } from '../types.ts'
import { PERF_LABELS } from './perf-labels.ts'
import { type SettingTable, setting } from './setting.ts'

export const PERF_SETTINGS: SettingTable = {
  'perf.enabled': setting({
    doc: 'Whether perf events of containers are counted: needs koffi, CAP_PERFMON, and one descriptor for each event, CPU and container.',
    type: BOOLEAN,
    default: false,
    variables: ['PERF_COLLECTOR_ENABLED'],
  }),
  'perf.hardware': setting({
    doc: 'Hardware events to count.',
    type: listOf(oneOf(...PERF_LABELS.hardware)),
    default: ['CPUCycles', 'Instructions'],
    variables: ['HW_PERF_LABELS'],
  }),
  'perf.software': setting({
    doc: 'Software events to count; every kernel has them.',
    type: listOf(oneOf(...PERF_LABELS.software)),
    default: ['TaskClock', 'PageFaults', 'ContextSwitches', 'CPUMigrations'],
    variables: ['SW_PERF_LABELS'],
  }),
  'perf.cache': setting({
    doc: 'Cache events to count. What they call a hit is an access: hits and misses together.',
    type: listOf(oneOf(...PERF_LABELS.cache)),
    default: [],
    variables: ['CACHE_PERF_LABELS'],
  }),
  'perf.scopes': setting({
    doc: 'What is counted: containers, pods by their own cgroups, or slices and the cgroups of cgroups.include.',
    type: listOf(oneOf('container', 'pod', 'cgroup')),
    default: ['container'],
  }),
  'perf.process_groups': setting({
    doc: 'Process groups to count, by name, such as nginx or java*: by process, for programs without a cgroup of their own.',
    type: listOf(TEXT),
    default: [],
  }),
  'perf.max_fds': setting({
    doc: 'Descriptors that counters may use; 0 takes four fifths of what the agent may have.',
    type: integer(0, 10_000_000),
    default: 0,
  }),
}
