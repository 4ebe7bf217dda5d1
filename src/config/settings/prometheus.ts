/** Settings of what is served. */
import { BOOLEAN, duration, HOST, integer, listOf, oneOf, size, TEXT, textLike } from '../types.ts'
import { HOUR, KIB, MIB, SECOND, type SettingTable, setting } from './setting.ts'

const NAMING = listOf(oneOf('otel', 'classic', 'cadvisor'))

export const PROMETHEUS_SETTINGS: SettingTable = {
  'prometheus.host': setting({
    doc: 'Address to serve metrics on; an empty text or * means every address.',
    type: HOST,
    default: 'localhost',
    variables: ['OTEL_EXPORTER_PROMETHEUS_HOST'],
  }),
  'prometheus.port': setting({
    doc: 'Port to serve metrics on; 0 takes any free one.',
    type: integer(0, 65535),
    default: 9464,
    variables: ['OTEL_EXPORTER_PROMETHEUS_PORT', 'PORT'],
  }),
  'prometheus.path': setting({
    doc: 'Path of the metrics.',
    type: textLike(
      'a path such as /metrics that is not one of /, /psi, /health, /healthz and /readyz',
      (path) =>
        /^\/[^?#\s]+$/.test(path) && !['/psi', '/health', '/healthz', '/readyz'].includes(path),
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
  'prometheus.created': setting({
    doc: 'Whether counters have a sample with the time of their beginning (_created), for clients that prefer OpenMetrics.',
    type: BOOLEAN,
    default: false,
  }),
  'prometheus.max_scrapes': setting({
    doc: 'Scrapes answered at the same time, until their clients have the whole answer; further ones get status 503.',
    type: integer(1, 64),
    default: 4,
  }),
  'web.cert_file': setting({
    doc: 'Certificate of the server (PEM), with web.key_file, where there is no web.config_file: TLS.',
    type: TEXT,
    default: undefined,
    flags: ['cert-file', 'c'],
  }),
  'web.key_file': setting({
    doc: "The certificate's key (PEM).",
    type: TEXT,
    default: undefined,
    flags: ['key-file', 'k'],
  }),
  'web.config_file': setting({
    doc: "File with TLS, passwords and headers of the server, in the form of Prometheus's exporters.",
    type: TEXT,
    default: undefined,
    flags: ['web.config.file'],
  }),
  'web.max_connections': setting({
    doc: 'Connections of clients at the same time; further ones are refused.',
    type: integer(1, 100_000),
    default: 256,
  }),
  'web.max_request_size': setting({
    doc: 'Size of a request; a larger one gets status 431.',
    type: size(KIB, MIB),
    default: 16 * KIB,
  }),
  'web.request_timeout': setting({
    doc: 'Time in which a client must have asked, its TLS handshake apart; a slower one is cut off.',
    type: duration(SECOND / 10, HOUR),
    default: 10 * SECOND,
  }),
  'web.response_timeout': setting({
    doc: 'Time in which a client must have taken its answer; a slower one is cut off.',
    type: duration(SECOND / 10, HOUR),
    default: 30 * SECOND,
  }),
}
