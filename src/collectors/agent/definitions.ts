/** Metrics of the agent itself: its collectors, its exports, its process, its build. */
import { type MetricTable, metricTable } from '../../telemetry/definitions.ts'

const SCOPE = 'agent'
/** Attribute key: the name of a collector. */
export const COLLECTOR_KEY = 'otel_interrogator.collector'
/** Attribute key: the name of a source of container and pod names. */
export const NAME_SOURCE_KEY = 'otel_interrogator.name_source'

/** One series for each collector. */
export const COLLECTOR_METRICS = metricTable({
  scope: SCOPE,
  keys: { [COLLECTOR_KEY]: { description: 'Name of the collector' } },
  metrics: {
    timestamp: {
      description: 'When the collection of this snapshot began, in seconds since the epoch',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'otel_interrogator.collector.timestamp', unit: 's' },
    },
    duration: {
      description: 'Wall-clock time of the last collection, pauses for other work included',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'otel_interrogator.collector.duration', unit: 's' },
    },
    success: {
      description: '1 if the last collection gave all metrics of the collector, else 0',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'otel_interrogator.collector.success', unit: '' },
    },
    series: {
      description: 'Series of the last collection',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.collector.series', unit: '{series}' },
    },
    dropped: {
      description:
        'Series that the last collection left out, for there were more than limits.series',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.collector.dropped_series', unit: '{series}' },
    },
  },
})

/** One series for each collector and kind of failure. */
export const FAILURE_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    [COLLECTOR_KEY]: { description: 'Name of the collector' },
    'error.type': { description: "The system's error code, or the name of the error" },
  },
  metrics: {
    errors: {
      description: 'Failed collections, by reason',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.collector.errors', unit: '{error}' },
    },
  },
})

/** One series for each source of names. */
export const NAME_SOURCE_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    [NAME_SOURCE_KEY]: { description: '`cri`, `kubelet`, `kubernetes`, `docker` or `podman`' },
  },
  metrics: {
    lists: {
      description: 'Complete listings that the source gave',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.name_source.lists', unit: '{list}' },
    },
    errors: {
      description: 'Attempts to list or to watch that failed; names already known stay',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.name_source.errors', unit: '{error}' },
    },
    success: {
      description:
        '1 while names from the source are current, 0 from a failed attempt to the next that succeeds',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'otel_interrogator.name_source.success', unit: '' },
    },
    containers: {
      description: 'Containers whose names are known from the source',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.name_source.containers', unit: '{container}' },
    },
  },
})

/** One series for each row. */
export const PROCESS_METRICS = metricTable({
  scope: SCOPE,
  keys: {},
  metrics: {
    cpuUser: cpuTime('user'),
    cpuSystem: cpuTime('system'),
    memory: {
      description: "The agent's own resident memory",
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'process.memory.usage', unit: 'By' },
      classic: { name: 'process_resident_memory_bytes', kind: 'gauge' },
    },
    virtualMemory: {
      description: "The agent's own virtual memory",
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'process.memory.virtual', unit: 'By' },
      classic: { name: 'process_virtual_memory_bytes', kind: 'gauge' },
    },
    descriptors: {
      description: "The agent's own open file descriptors",
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'process.unix.file_descriptor.count', unit: '{file_descriptor}' },
      classic: { name: 'process_open_fds', kind: 'gauge' },
    },
    descriptorLimit: {
      description: 'File descriptors that the agent may have open (soft limit)',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.file_descriptor.limit', unit: '{file_descriptor}' },
      classic: { name: 'process_max_fds', kind: 'gauge' },
    },
    startTime: {
      description: 'When the agent started, in seconds since the epoch',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'otel_interrogator.start_time', unit: 's' },
      classic: { name: 'process_start_time_seconds' },
    },
    uptime: {
      description: 'Time since the agent started',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'process.uptime', unit: 's' },
    },
    eventLoopP99: eventLoopDelay('p99', '99th percentile'),
    eventLoopMax: eventLoopDelay('max', 'Longest'),
  },
})

/** One series for what arrived, and one for each reason why points did not. */
export const EXPORT_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    'error.type': {
      description:
        'Why points did not arrive: a gRPC or HTTP status, or why there was no answer; `rejected` by the receiver; `superseded` by newer ones or by the end of the time for a push. Absent for those that arrived',
    },
  },
  metrics: {
    exported: {
      description: 'Data points whose push has ended, well or not',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'otel.sdk.exporter.metric_data_point.exported', unit: '{data_point}' },
    },
  },
})

/** One series. */
export const SKIPPED_METRICS = metricTable({
  scope: SCOPE,
  keys: {},
  metrics: {
    skipped: {
      description: 'Pushes that had nothing to send because the collection failed',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.export.skipped', unit: '{push}' },
    },
  },
})

/** One series for each status. */
export const REQUEST_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    'rpc.status_code': {
      description: 'Name of the gRPC status; over HTTP the HTTP status, or why there was no answer',
    },
  },
  metrics: {
    sent: {
      description: 'Requests of pushes, repeated ones included',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'otel_interrogator.export.requests', unit: '{request}' },
    },
  },
})

/** The build, as attributes of a constant 1. */
export const BUILD_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    version: { description: "The agent's version" },
    nodejs_version: { description: 'Version of the Node.js runtime' },
    arch: { description: 'Processor architecture' },
  },
  metrics: {
    info: {
      description: 'What is running: always 1',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'otel_interrogator.build.info', unit: '' },
    },
  },
})

/** All metrics of the agent itself. */
export const AGENT_TABLES: readonly MetricTable[] = [
  COLLECTOR_METRICS,
  FAILURE_METRICS,
  EXPORT_METRICS,
  SKIPPED_METRICS,
  REQUEST_METRICS,
  NAME_SOURCE_METRICS,
  PROCESS_METRICS,
  BUILD_METRICS,
]

function cpuTime(mode: 'user' | 'system') {
  return {
    description: "The agent's own CPU time",
    kind: 'counter',
    valueType: 'double',
    otel: { name: 'process.cpu.time', unit: 's', attributes: { 'cpu.mode': mode } },
    classic: { name: 'process_cpu_seconds_total', isTotal: true },
  } as const
}

function eventLoopDelay(tail: 'p99' | 'max', which: string) {
  return {
    description: `${which} delay of the agent's event loop during the collection before and what followed it`,
    kind: 'gauge',
    valueType: 'double',
    otel: { name: `nodejs.eventloop.delay.${tail}`, unit: 's' },
  } as const
}
