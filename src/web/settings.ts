/** Settings of what is served. */
import { duration, HOST, integer, size, TEXT, textLike } from '../lib/settings/formats.ts'
import { HOUR, KIB, MIB, SECOND, setting } from '../lib/settings/setting.ts'

const prometheus = {
  host: setting({
    doc: 'Address to serve metrics on; an empty text or * means every address.',
    format: HOST,
    default: 'localhost',
    variables: ['OTEL_EXPORTER_PROMETHEUS_HOST'],
  }),
  port: setting({
    doc: 'Port to serve metrics on; 0 takes any free one.',
    format: integer(0, 65535),
    default: 9464,
    variables: ['OTEL_EXPORTER_PROMETHEUS_PORT', 'PORT'],
  }),
  path: setting({
    doc: 'Path of the metrics.',
    format: textLike(
      'a path such as /metrics that is not one of /, /psi, /health, /healthz and /readyz, nor below /api or /page',
      (path) =>
        /^\/[^?#\s]+$/.test(path) &&
        !['/psi', '/health', '/healthz', '/readyz'].includes(path) &&
        !/^\/(?:api|page)(?:\/|$)/.test(path),
    ),
    default: '/metrics',
    flags: ['web.telemetry-path'],
  }),
  max_scrapes: setting({
    doc: 'Scrapes answered at the same time, until their clients have the whole answer; further ones get status 503.',
    format: integer(1, 64),
    default: 4,
  }),
}

const web = {
  cert_file: setting({
    doc: 'Certificate of the server (PEM), with web.key_file, where there is no web.config_file: TLS.',
    format: TEXT,
    default: undefined,
    flags: ['cert-file', 'c'],
  }),
  key_file: setting({
    doc: "The certificate's key (PEM).",
    format: TEXT,
    default: undefined,
    flags: ['key-file', 'k'],
  }),
  config_file: setting({
    doc: "File with TLS, passwords and headers of the server, in the form of Prometheus's exporters.",
    format: TEXT,
    default: undefined,
    flags: ['web.config.file'],
  }),
  max_connections: setting({
    doc: 'Connections of clients at the same time; further ones are refused.',
    format: integer(1, 100_000),
    default: 256,
  }),
  max_request_size: setting({
    doc: 'Size of a request; a larger one gets status 431.',
    format: size(KIB, MIB),
    default: 16 * KIB,
  }),
  request_timeout: setting({
    doc: 'Time in which a client must have asked, its TLS handshake apart; a slower one is cut off, at most ten seconds later.',
    format: duration(SECOND / 10, HOUR),
    default: 10 * SECOND,
  }),
  response_timeout: setting({
    doc: 'Time in which a client must have taken its answer; a slower one is cut off.',
    format: duration(SECOND / 10, HOUR),
    default: 30 * SECOND,
  }),
}

/** The sections `web` and `prometheus` of the schema, as far as they are about the server. */
export const SERVER_SETTINGS = {
  prometheus,
  web,
}
