/** Every variable of OpenTelemetry's specification of the OTLP exporter ("OTLP Exporter Configuration"), for metrics. */
import test from 'ava'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { metricsEndpoint } from '../../src/telemetry/otlp/endpoint.ts'

interface Case {
  readonly environment: NodeJS.ProcessEnv
  readonly otlp?: Partial<Config['otlp']>
  /** Where metrics go: the URL for HTTP, the address for gRPC. */
  readonly to?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly warnings?: readonly RegExp[]
}

const GRPC = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
const HTTP = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }

/** A variable for all signals, and the one for metrics, which counts before it. */
function both(name: string): [string, string] {
  return [`OTEL_EXPORTER_OTLP_${name}`, `OTEL_EXPORTER_OTLP_METRICS_${name}`]
}

const CASES: Readonly<Record<string, Case>> = {
  'nothing is set': { environment: {}, otlp: { protocol: 'grpc' }, to: 'localhost:4317' },
  'empty variables are as good as none': {
    environment: Object.fromEntries(
      ['ENDPOINT', 'PROTOCOL', 'HEADERS', 'COMPRESSION', 'TIMEOUT', 'INSECURE', 'CERTIFICATE']
        .flatMap(both)
        .map((name) => [name, '']),
    ),
    otlp: { protocol: 'grpc', compression: 'none', timeout: 10_000, insecure: false },
    to: 'localhost:4317',
  },

  'protocol grpc': { environment: GRPC, otlp: { protocol: 'grpc' }, to: 'localhost:4317' },
  'protocol http/protobuf': {
    environment: HTTP,
    otlp: { protocol: 'http/protobuf' },
    to: 'http://localhost:4318/v1/metrics',
  },
  'protocol in other letters': {
    environment: { OTEL_EXPORTER_OTLP_PROTOCOL: ' HTTP/Protobuf ' },
    otlp: { protocol: 'http/protobuf' },
  },
  'protocol of metrics': {
    environment: { ...GRPC, OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf' },
    to: 'http://localhost:4318/v1/metrics',
  },
  'protocol http/json': {
    environment: { OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json' },
    to: 'http://localhost:4318/v1/metrics',
    warnings: [
      /^OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: http\/json is not implemented, http\/protobuf is used; possible are grpc, http\/protobuf$/,
    ],
  },
  'a protocol that is none': {
    environment: { OTEL_EXPORTER_OTLP_PROTOCOL: 'http' },
    otlp: { protocol: 'grpc' },
    warnings: [
      /^OTEL_EXPORTER_OTLP_PROTOCOL is ignored: .*must be grpc, http\/protobuf; "grpc" is used$/,
    ],
  },

  'endpoint with gRPC': {
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' },
    to: 'collector:4317',
  },
  'endpoint of metrics with gRPC': {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general:4317',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://metrics:4317',
    },
    to: 'metrics:4317',
  },
  'endpoint with HTTP: the path of metrics is appended': {
    environment: { ...HTTP, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
    to: 'http://collector:4318/v1/metrics',
  },
  'endpoint with HTTP and a path': {
    environment: { ...HTTP, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://api.example.com/otlp/' },
    to: 'https://api.example.com/otlp/v1/metrics',
  },
  'endpoint of metrics with HTTP: taken as it is': {
    environment: {
      ...HTTP,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general:4318',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics:4318/here',
    },
    to: 'http://metrics:4318/here',
  },
  'endpoint of metrics with HTTP without a path: the root': {
    environment: { ...HTTP, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics:4318' },
    to: 'http://metrics:4318/',
  },
  'an endpoint that is none': {
    environment: { ...HTTP, OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' },
    to: 'http://localhost:4318/v1/metrics',
    warnings: [
      /^OTEL_EXPORTER_OTLP_ENDPOINT is ignored: .*must be a URL such as .*4318\) is used$/,
    ],
  },
  'an endpoint of metrics that is none: the general one counts': {
    environment: {
      ...HTTP,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general:4318',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'ftp://x',
    },
    to: 'http://general:4318/v1/metrics',
    warnings: [/^OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is ignored: .*; otlp\.endpoint is used$/],
  },

  'insecure: an endpoint without a scheme is plain text': {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
    },
    otlp: { insecure: true },
    to: 'collector:4317',
  },
  'insecure of metrics': {
    environment: {
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
      OTEL_EXPORTER_OTLP_METRICS_INSECURE: 'FALSE',
    },
    otlp: { insecure: false },
  },
  'insecure that is neither': {
    environment: { OTEL_EXPORTER_OTLP_INSECURE: 'yes' },
    otlp: { insecure: false },
    warnings: [/^OTEL_EXPORTER_OTLP_INSECURE is ignored: .*must be true or false/],
  },

  headers: {
    environment: { OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%2Cb, x = y,' },
    headers: { 'api-key': 'a,b', x: 'y' },
  },
  'headers of metrics': {
    environment: { OTEL_EXPORTER_OTLP_HEADERS: 'a=1', OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'b=2' },
    headers: { b: '2' },
  },
  'headers that are none': {
    environment: { OTEL_EXPORTER_OTLP_HEADERS: 'canary' },
    headers: {},
    warnings: [/^OTEL_EXPORTER_OTLP_HEADERS is ignored: otlp\.headers must be pairs key=value/],
  },

  'compression gzip': {
    environment: { OTEL_EXPORTER_OTLP_COMPRESSION: 'GZIP' },
    otlp: { compression: 'gzip' },
  },
  'compression of metrics': {
    environment: {
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'none',
    },
    otlp: { compression: 'none' },
  },
  'a compression that is none': {
    environment: { OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' },
    otlp: { compression: 'none' },
    warnings: [/^OTEL_EXPORTER_OTLP_COMPRESSION is ignored: .*must be none, gzip; "none" is used$/],
  },

  timeout: { environment: { OTEL_EXPORTER_OTLP_TIMEOUT: '2500' }, otlp: { timeout: 2500 } },
  'timeout of metrics': {
    environment: { OTEL_EXPORTER_OTLP_TIMEOUT: '2500', OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '5000' },
    otlp: { timeout: 5000 },
  },
  'a timeout that is none': {
    environment: { OTEL_EXPORTER_OTLP_TIMEOUT: '-1', OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: 'soon' },
    otlp: { timeout: 10_000 },
    warnings: [
      /^OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is ignored: .*; 10s is used$/,
      /^OTEL_EXPORTER_OTLP_TIMEOUT is ignored: .*; 10s is used$/,
    ],
  },

  certificates: {
    environment: {
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: '/key.pem',
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '/cert.pem',
    },
    otlp: { certificate: '/ca.pem', client_key: '/key.pem', client_certificate: '/cert.pem' },
  },
  'certificates of metrics': {
    environment: {
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
      OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: '/metrics-ca.pem',
      OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY: '/metrics-key.pem',
      OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE: '/metrics-cert.pem',
    },
    otlp: {
      certificate: '/metrics-ca.pem',
      client_key: '/metrics-key.pem',
      client_certificate: '/metrics-cert.pem',
    },
  },

  'temporality delta': {
    environment: { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'Delta' },
    otlp: { temporality: 'delta' },
  },
  'temporality lowmemory': {
    environment: { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'LowMemory' },
    otlp: { temporality: 'lowmemory' },
  },
  'a temporality that is none': {
    environment: { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'both' },
    otlp: { temporality: 'cumulative' },
    warnings: [
      /^OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is ignored: .*; "cumulative" is used$/,
    ],
  },
  'an aggregation of histograms, of which there are none': {
    environment: {
      OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION:
        'base2_exponential_bucket_histogram',
    },
  },

  'interval and time-out of a push': {
    environment: { OTEL_METRIC_EXPORT_INTERVAL: '5000', OTEL_METRIC_EXPORT_TIMEOUT: '4000' },
    otlp: { interval: 5000, export_timeout: 4000 },
  },
  'an interval that is none': {
    environment: { OTEL_METRIC_EXPORT_INTERVAL: 'often' },
    otlp: { interval: 60_000 },
    warnings: [/^OTEL_METRIC_EXPORT_INTERVAL is ignored: .*; 1m is used$/],
  },
}

for (const [name, { environment, otlp = {}, to, headers, warnings = [] }] of Object.entries(
  CASES,
)) {
  test(name, (t) => {
    const { config, warnings: said } = loadConfig({
      file: undefined,
      flags: new Map(),
      environment,
    })
    t.deepEqual({ ...config.otlp, ...otlp }, config.otlp)
    if (to !== undefined) {
      const { address, url } = metricsEndpoint(config.otlp)
      t.is(config.otlp.protocol === 'grpc' ? address : url?.href, to)
    }
    if (headers !== undefined) t.deepEqual(Object.fromEntries(config.otlp.headers), headers)
    t.is(said.length, warnings.length, said.join('\n'))
    for (const [index, line] of said.entries()) {
      t.regex(line, warnings[index])
      t.notRegex(line, /canary/)
    }
  })
}
