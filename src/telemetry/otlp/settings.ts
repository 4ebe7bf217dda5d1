/** Settings of what is pushed. */

import {
  duration,
  HEADERS,
  inAnyCase,
  listOf,
  oneOf,
  size,
  TEXT,
  textLike,
} from '../../lib/settings/formats.ts'
import { HOUR, KIB, MIB, SECOND, setting, type Values } from '../../lib/settings/setting.ts'
import { NAMINGS } from '../definitions.ts'
import { ENDPOINT_FORMS, ENDPOINT_SETTINGS, parseEndpoint } from './endpoint.ts'

/** How the forms of an endpoint are distinguished while the protocol is not known: gRPC has more of them. */
const ANY_ENDPOINT = { protocol: 'grpc', insecure: true } as const

const ENDPOINT = textLike(ENDPOINT_FORMS, (text) => {
  try {
    parseEndpoint(text, ANY_ENDPOINT)
    return true
  } catch {
    return false
  }
})

const otlp = {
  protocol: ENDPOINT_SETTINGS.protocol,
  endpoint: setting({
    doc: 'OTLP receiver to push to: http:// is plain text, https:// is TLS. With http/protobuf /v1/metrics is appended. Without a port http:// means 4317 (gRPC), https:// 443. User and password of a URL are sent as Basic authorization.',
    format: ENDPOINT,
    default: undefined,
    unset: 'http://localhost:4317 (http/protobuf: http://localhost:4318)',
    variables: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    sensitive: true,
    redact: (text) => parseEndpoint(text, ANY_ENDPOINT).origin,
  }),
  metrics_endpoint: setting({
    doc: 'OTLP receiver of metrics, instead of otlp.endpoint; with http/protobuf the whole URL, to which nothing is appended.',
    format: ENDPOINT,
    default: undefined,
    unset: 'otlp.endpoint',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'],
    sensitive: true,
    redact: (text) => parseEndpoint(text, ANY_ENDPOINT).origin,
  }),
  interval: setting({
    doc: 'Time between two pushes.',
    format: duration(SECOND / 10, 24 * HOUR),
    default: 60 * SECOND,
    variables: ['OTEL_METRIC_EXPORT_INTERVAL'],
  }),
  export_timeout: setting({
    doc: 'Time after which no request of a push is sent again; a push that goes on well may take longer.',
    format: duration(SECOND / 10, HOUR),
    default: 30 * SECOND,
    variables: ['OTEL_METRIC_EXPORT_TIMEOUT'],
  }),
  timeout: setting({
    doc: 'Longest time for one request of a push; never longer than otlp.export_timeout.',
    format: duration(SECOND / 10, HOUR),
    default: 10 * SECOND,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'],
  }),
  headers: setting({
    doc: 'Metadata of every request, such as credentials.',
    format: HEADERS,
    default: new Map(),
    variables: ['OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'],
    sensitive: true,
  }),
  compression: setting({
    doc: 'Compression of requests.',
    format: inAnyCase(oneOf('none', 'gzip')),
    default: 'none',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_COMPRESSION', 'OTEL_EXPORTER_OTLP_COMPRESSION'],
  }),
  insecure: ENDPOINT_SETTINGS.insecure,
  certificate: setting({
    doc: 'File of the certificates to trust, instead of the well-known ones (PEM).',
    format: TEXT,
    default: undefined,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CERTIFICATE'],
  }),
  client_key: setting({
    doc: "File of the client's private key (PEM).",
    format: TEXT,
    default: undefined,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY', 'OTEL_EXPORTER_OTLP_CLIENT_KEY'],
  }),
  client_certificate: setting({
    doc: "File of the client's certificate chain (PEM).",
    format: TEXT,
    default: undefined,
    variables: [
      'OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE',
      'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
    ],
  }),
  max_request_size: setting({
    doc: 'Largest request; a push that is larger is divided. Collectors accept 4 MiB by default.',
    format: size(64 * KIB, 64 * MIB),
    default: 3 * MIB,
  }),
  temporality: setting({
    doc: 'Temporality of counters; lowmemory is cumulative here, where all instruments are asynchronous.',
    format: inAnyCase(oneOf('cumulative', 'delta', 'lowmemory')),
    default: 'cumulative',
    variables: ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'],
  }),
  resources: setting({
    doc: 'Whether each container and pod has an OTLP Resource of its own, where a Collector finds its identity, or everything has the same and the identity stands on the points.',
    format: oneOf('entity', 'single'),
    default: 'entity',
  }),
  naming: setting({
    doc: 'Vocabularies to push.',
    format: listOf(oneOf(...NAMINGS)),
    default: ['otel'],
  }),
}

/** The section `otlp` of the schema. */
export const OTLP_SETTINGS = { otlp }

/** How to push; times are milliseconds, sizes bytes. */
export type OtlpSettings = Omit<Values<typeof OTLP_SETTINGS>['otlp'], 'naming'>
