/** Settings of perf events. */

import { EVENTS, type EventClass } from '../../kernel/perf-events/events.ts'
import { BOOLEAN, integer, listOf, oneOf, TEXT } from '../../lib/settings/formats.ts'
import { setting } from '../../lib/settings/setting.ts'

/** The labels of a class of events, and the times that every reading has. */
function labelsOf(name: EventClass): string[] {
  const events = EVENTS.filter((event) => event.class === name)
  return [...events.map(({ label }) => label), 'TimeEnabled', 'TimeRunning']
}

const perf = {
  enabled: setting({
    doc: 'Whether perf events of containers are counted: needs koffi, CAP_PERFMON, and one descriptor for each event, CPU and container.',
    format: BOOLEAN,
    default: false,
    variables: ['PERF_COLLECTOR_ENABLED'],
  }),
  hardware: setting({
    doc: 'Hardware events to count.',
    format: listOf(oneOf(...labelsOf('hardware'))),
    default: ['CPUCycles', 'Instructions'],
    variables: ['HW_PERF_LABELS'],
  }),
  software: setting({
    doc: 'Software events to count; every kernel has them.',
    format: listOf(oneOf(...labelsOf('software'))),
    default: ['TaskClock', 'PageFaults', 'ContextSwitches', 'CPUMigrations'],
    variables: ['SW_PERF_LABELS'],
  }),
  cache: setting({
    doc: 'Cache events to count. What they call a hit is an access: hits and misses together.',
    format: listOf(oneOf(...labelsOf('cache'))),
    default: [],
    variables: ['CACHE_PERF_LABELS'],
  }),
  scopes: setting({
    doc: 'What is counted: containers, pods by their own cgroups, or slices and the cgroups of cgroups.include.',
    format: listOf(oneOf('container', 'pod', 'cgroup')),
    default: ['container'],
  }),
  process_groups: setting({
    doc: 'Process groups to count, by name, such as nginx or java*: by process, for programs without a cgroup of their own.',
    format: listOf(TEXT),
    default: [],
  }),
  max_fds: setting({
    doc: 'How many file descriptors counters may use; 0 for four fifths of the limit of open files.',
    format: integer(0, 10_000_000),
    default: 0,
  }),
}

/** Settings of the collector of perf events, by section. */
export const PERF_SETTINGS = {
  perf,
}
