/** Settings of what is pushed. */
import { ENDPOINT_FORMS, parseEndpoint } from '../../telemetry/otlp/endpoint.ts'
import {
  BOOLEAN,
  duration,
  KEY_VALUES,
  listOf,
  oneOf,
  type SettingType,
  size,
  TEXT,
  textLike,
} from '../types.ts'
import { HOUR, KIB, MIB, SECOND, type SettingTable, setting } from './setting.ts'

const NAMING = listOf(oneOf('otel', 'classic', 'cadvisor'))

/** In variables in any case, as OpenTelemetry's specification has it. */
function inAnyCase<T>(type: SettingType<T>): SettingType<T> {
  return { ...type, parse: (text) => type.parse(text.trim().toLowerCase()) }
}

/** How the forms of an endpoint are told apart while the protocol is not known: gRPC has more of them. */
const ANY_ENDPOINT = { protocol: 'grpc', insecure: true } as const

const ENDPOINT = textLike(ENDPOINT_FORMS, (text) => {
  try {
    parseEndpoint(text, ANY_ENDPOINT)
    return true
  } catch {
    return false
  }
})

export const OTLP_SETTINGS: SettingTable = {
  'otlp.protocol': setting({
    doc: 'Transport of OTLP.',
    type: inAnyCase(oneOf('grpc', 'http/protobuf')),
    default: 'grpc',
    substitutes: new Map([['http/json', 'http/protobuf']]),
    variables: ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
  }),
  'otlp.endpoint': setting({
    doc: 'OTLP receiver to push to: http:// is plain text, https:// is TLS. With http/protobuf /v1/metrics is appended. Without a port http:// means 4317 (gRPC), https:// 443. User and password of a URL are sent as Basic authorization.',
    type: ENDPOINT,
    default: undefined,
    unset: 'http://localhost:4317 (http/protobuf: http://localhost:4318)',
    variables: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    isSecret: true,
    redact: (text) => parseEndpoint(text, ANY_ENDPOINT).origin,
  }),
  'otlp.metrics_endpoint': setting({
    doc: 'OTLP receiver of metrics, instead of otlp.endpoint; with http/protobuf the whole URL, to which nothing is appended.',
    type: ENDPOINT,
    default: undefined,
    unset: 'otlp.endpoint',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'],
    isSecret: true,
    redact: (text) => parseEndpoint(text, ANY_ENDPOINT).origin,
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
    type: inAnyCase(oneOf('none', 'gzip')),
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
    doc: 'Temporality of counters; lowmemory is cumulative here, where all instruments are asynchronous.',
    type: inAnyCase(oneOf('cumulative', 'delta', 'lowmemory')),
    default: 'cumulative',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'],
  }),
  'otlp.resources': setting({
    doc: 'Whether each container and pod has an OTLP Resource of its own, where a Collector finds its identity, or everything has the same and the identity stands on the points.',
    type: oneOf('entity', 'single'),
    default: 'entity',
  }),
  'otlp.naming': setting({
    doc: 'Vocabularies to push.',
    type: NAMING,
    default: ['otel'],
  }),
}
