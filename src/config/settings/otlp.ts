/** Settings of what is pushed. */
import { ENDPOINT_FORMS, parseEndpoint } from '../../telemetry/otlp/endpoint.ts'
import { BOOLEAN, duration, KEY_VALUES, listOf, oneOf, size, TEXT, textLike } from '../types.ts'
import { HOUR, KIB, MIB, SECOND, type SettingTable, setting } from './setting.ts'

const NAMING = listOf(oneOf('otel', 'classic', 'cadvisor'))

/** In OpenTelemetry's variables in any case. */
const TEMPORALITIES = oneOf('cumulative', 'delta', 'lowmemory')
const TEMPORALITY: typeof TEMPORALITIES = {
  ...TEMPORALITIES,
  parse: (text) => TEMPORALITIES.parse(text.toLowerCase()),
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
  'otlp.endpoint': setting({
    doc: 'OTLP receiver to push to: http:// is plain text, https:// is TLS. Without a port http:// means 4317 (gRPC), https:// 443. User and password of a URL are sent as Basic authorization.',
    type: ENDPOINT,
    default: 'http://localhost:4317',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
    isSecret: true,
    redact: (text) => parseEndpoint(text, ANY_ENDPOINT).origin,
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
    doc: 'Temporality of counters; lowmemory is cumulative here, where all instruments are asynchronous.',
    type: TEMPORALITY,
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
