/**
 * Every setting of the agent: meaning, default, allowed values, and the names it has in files, variables
 * and flags. Loading, `--help` and the configuration reference all come from this table.
 */
import {
  BOOLEAN,
  duration,
  integer,
  KEY_VALUES,
  listOf,
  oneOf,
  type SettingType,
  size,
  TEXT,
  textLike,
} from './types.ts'

export interface Setting<T = unknown> {
  readonly doc: string
  readonly type: SettingType<T>
  readonly default: NoInfer<T> | undefined
  /** Further variables, after the setting's own; the first that is set counts. */
  readonly variables?: readonly string[]
  /** Further flags, as other programs call them. */
  readonly flags?: readonly string[]
  /** Whether values are secret: no message shows them. */
  readonly isSecret?: boolean
}

const SECOND = 1000
const HOUR = 3600 * SECOND
const KIB = 1024
const MIB = 1024 * KIB

const NAMING = listOf(oneOf('otel', 'classic'))

/** By the path in a file; `a.b` is the key `b` of the section `a`. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  exporters: setting({
    doc: 'How metrics leave the agent.',
    type: listOf(oneOf('prometheus', 'otlp', 'none')),
    default: ['prometheus', 'otlp'],
    variables: ['OTEL_METRICS_EXPORTER'],
  }),
  'procfs.root': setting({
    doc: 'Where the procfs of the node is mounted.',
    type: TEXT,
    default: '/proc',
    variables: ['HOST_PROC'],
    flags: ['procfs'],
  }),
  'collection.max_age': setting({
    doc: 'How long a collection serves further scrapes and pushes.',
    type: duration(0, HOUR),
    default: SECOND,
  }),
  'process_groups.enabled': setting({
    doc: 'Whether processes are read and grouped.',
    type: BOOLEAN,
    default: true,
  }),
  'process_groups.procnames': setting({
    doc: 'Programs to group, by name, instead of rules in a file: names separated by commas.',
    type: TEXT,
    default: '',
    flags: ['procnames'],
  }),
  'process_groups.namemapping': setting({
    doc: 'Finer names for programs: name,regex,name,regex,… The first capture makes the group name:capture.',
    type: TEXT,
    default: '',
    flags: ['namemapping'],
  }),
  'process_groups.recheck': setting({
    doc: 'Whether processes in no group are judged again at every collection.',
    type: BOOLEAN,
    default: false,
    flags: ['recheck'],
  }),
  'process_groups.recheck_time_limit': setting({
    doc: 'Age up to which processes in no group are judged again; above 0s it switches recheck on.',
    type: duration(0, 24 * HOUR),
    default: 0,
    flags: ['recheck-with-time-limit'],
  }),
  'process_groups.children': setting({
    doc: "Whether a process that no rule matches joins its nearest ancestor's group.",
    type: BOOLEAN,
    default: true,
    flags: ['children'],
  }),
  'process_groups.threads': setting({
    doc: 'Whether threads are read, for the metrics by thread name.',
    type: BOOLEAN,
    default: true,
    flags: ['threads'],
  }),
  'process_groups.smaps': setting({
    doc: 'Whether proportional memory (smaps_rollup) is read: exact, but the costliest file of a process.',
    type: BOOLEAN,
    default: true,
    flags: ['gather-smaps'],
  }),
  'process_groups.regroup': setting({
    doc: 'Whether a process that executes another program, or changes its name, is judged again: what it uses from then on counts in its new group.',
    type: BOOLEAN,
    default: true,
  }),
  'process_groups.refresh': setting({
    doc: 'Longest age of what is not read every time: the limit of open files, and the proportional memory of a process that has not run since. Memory that takes long to read is read less often: one process takes no more than 0.5 % of the time. 0s reads everything every time.',
    type: duration(0, HOUR),
    default: 60 * SECOND,
  }),
  'process_groups.remove_empty': setting({
    doc: 'Whether a group without processes is forgotten, with its counters.',
    type: BOOLEAN,
    default: false,
    flags: ['remove-empty-groups'],
  }),
  'compat.process_exporter': setting({
    doc: 'Whether the numbers of process groups are right where process-exporter is wrong (corrected), or equal to its own even then (strict).',
    type: oneOf('corrected', 'strict'),
    default: 'corrected',
  }),
  'prometheus.host': setting({
    doc: 'Address to serve metrics on; an empty text means every address.',
    type: TEXT,
    default: 'localhost',
    variables: ['OTEL_EXPORTER_PROMETHEUS_HOST'],
  }),
  'prometheus.port': setting({
    doc: 'Port to serve metrics on; 0 takes any free one.',
    type: integer(0, 65535),
    default: 9464,
    variables: ['OTEL_EXPORTER_PROMETHEUS_PORT'],
  }),
  'prometheus.path': setting({
    doc: 'Path of the metrics.',
    type: textLike(
      'a path such as /metrics that is not /, /healthz or /readyz',
      (path) => /^\/[^?#\s]+$/.test(path) && !['/healthz', '/readyz'].includes(path),
    ),
    default: '/metrics',
    flags: ['web.telemetry-path'],
  }),
  'prometheus.naming': setting({
    doc: 'Vocabularies to serve: those of the systems that the agent replaces, or OpenTelemetry.',
    type: NAMING,
    default: ['classic'],
  }),
  'prometheus.target_info': setting({
    doc: 'Whether the Resource is served as target_info.',
    type: BOOLEAN,
    default: true,
  }),
  'prometheus.scope_labels': setting({
    doc: 'Whether every sample carries the name of its instrumentation scope.',
    type: BOOLEAN,
    default: false,
  }),
  'prometheus.max_scrapes': setting({
    doc: 'Scrapes answered at the same time; further ones get status 503.',
    type: integer(1, 64),
    default: 4,
  }),
  'otlp.endpoint': setting({
    doc: 'OTLP/gRPC receiver to push to: http:// is plain text, https:// is TLS.',
    type: textLike('a URL such as http://localhost:4317, or HOST:PORT', (text) =>
      /^(https?:\/\/[^\s/]+\/?.*|unix:.+|[^\s/:]+:\d+)$/.test(text),
    ),
    default: 'http://localhost:4317',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  }),
  'otlp.protocol': setting({
    doc: 'Transport of OTLP.',
    type: oneOf('grpc'),
    default: 'grpc',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
  }),
  'otlp.interval': setting({
    doc: 'Time between two pushes.',
    type: duration(SECOND / 10, 24 * HOUR),
    default: 60 * SECOND,
    variables: ['OTEL_METRIC_EXPORT_INTERVAL'],
  }),
  'otlp.export_timeout': setting({
    doc: 'Time after which no request of a push is sent again; a push that goes on well may take longer.',
    type: duration(SECOND / 10, HOUR),
    default: 30 * SECOND,
    variables: ['OTEL_METRIC_EXPORT_TIMEOUT'],
  }),
  'otlp.timeout': setting({
    doc: 'Longest time for one request of a push; never longer than otlp.export_timeout.',
    type: duration(SECOND / 10, HOUR),
    default: 10 * SECOND,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
  }),
  'otlp.headers': setting({
    doc: 'Metadata of every request, such as credentials.',
    type: KEY_VALUES,
    default: new Map(),
    variables: ['OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'],
    isSecret: true,
  }),
  'otlp.compression': setting({
    doc: 'Compression of requests.',
    type: oneOf('none', 'gzip'),
    default: 'none',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_COMPRESSION', 'OTEL_EXPORTER_OTLP_COMPRESSION'],
  }),
  'otlp.insecure': setting({
    doc: 'Whether an endpoint without a scheme is plain text.',
    type: BOOLEAN,
    default: false,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_INSECURE', 'OTEL_EXPORTER_OTLP_INSECURE'],
  }),
  'otlp.certificate': setting({
    doc: 'File of the certificates to trust, instead of the well-known ones (PEM).',
    type: TEXT,
    default: undefined,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CERTIFICATE'],
  }),
  'otlp.client_key': setting({
    doc: "File of the client's private key (PEM).",
    type: TEXT,
    default: undefined,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY', 'OTEL_EXPORTER_OTLP_CLIENT_KEY'],
  }),
  'otlp.client_certificate': setting({
    doc: "File of the client's certificate chain (PEM).",
    type: TEXT,
    default: undefined,
    variables: [
      'OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE',
      'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
    ],
  }),
  'otlp.max_request_size': setting({
    doc: 'Largest request; a push that is larger is divided. Collectors take 4 MiB unless told otherwise.',
    type: size(64 * KIB, 64 * MIB),
    default: 3 * MIB,
  }),
  'otlp.temporality': setting({
    doc: 'Temporality of sums.',
    type: oneOf('cumulative'),
    default: 'cumulative',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'],
  }),
  'otlp.naming': setting({
    doc: 'Vocabularies to push.',
    type: NAMING,
    default: ['otel'],
  }),
  'service.name': setting({
    doc: "The agent's service.name.",
    type: TEXT,
    default: 'otel-interrogator',
    variables: ['OTEL_SERVICE_NAME'],
  }),
  'resource.attributes': setting({
    doc: 'Further attributes of the Resource.',
    type: KEY_VALUES,
    default: new Map(),
    variables: ['OTEL_RESOURCE_ATTRIBUTES'],
  }),
  'node.name': setting({
    doc: 'Name of the node, for host.name; by default the name that the system has.',
    type: TEXT,
    default: undefined,
    variables: ['NODE_NAME', 'K8S_NODE_NAME', 'OTEL_K8S_NODE_NAME'],
  }),
  'log.level': setting({
    doc: 'Least severity that is logged.',
    type: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
  }),
}

/** The variable of a setting: `OTEL_INTERROGATOR_COLLECTION_MAX_AGE`. */
export function variableOf(path: string): string {
  return `OTEL_INTERROGATOR_${path.replaceAll('.', '_').toUpperCase()}`
}

/** The flag of a setting, without dashes: `collection.max-age`. */
export function flagOf(path: string): string {
  return path.replaceAll('_', '-')
}

/** Keeps the value type of a row, for the compiler only. */
function setting<T>(row: Setting<T>): Setting {
  return row as Setting
}
