import test from 'ava'
import {
  EndpointError,
  type EndpointOptions,
  endpointWarning,
  parseEndpoint,
} from '../../../src/telemetry/otlp/endpoint.ts'

const GRPC: EndpointOptions = { protocol: 'grpc', insecure: false }
const PLAIN_GRPC: EndpointOptions = { protocol: 'grpc', insecure: true }
const HTTP: EndpointOptions = { protocol: 'http/protobuf', insecure: false }

const GRPC_ADDRESSES: readonly [string, EndpointOptions, address: string, isSecure: boolean][] = [
  ['http://localhost:4317', GRPC, 'localhost:4317', false],
  ['http://collector', GRPC, 'collector:4317', false],
  ['http://collector/', GRPC, 'collector:4317', false],
  ['http://collector:80', GRPC, 'collector:80', false],
  ['http://collector:443', GRPC, 'collector:443', false],
  ['https://collector', GRPC, 'collector:443', true],
  ['https://collector:443', GRPC, 'collector:443', true],
  ['https://collector:4317', PLAIN_GRPC, 'collector:4317', true],
  ['HTTP://Collector:4317', GRPC, 'collector:4317', false],
  ['HTTPS://collector:4317', GRPC, 'collector:4317', true],
  ['http://[::1]:4317', GRPC, '[::1]:4317', false],
  ['http://[::1]', GRPC, '[::1]:4317', false],
  ['[::1]:4317', GRPC, '[::1]:4317', true],
  ['[2001:db8::1]:4317', PLAIN_GRPC, '[2001:db8::1]:4317', false],
  ['collector:4317', GRPC, 'collector:4317', true],
  ['collector:4317', PLAIN_GRPC, 'collector:4317', false],
  ['collector:443', GRPC, 'collector:443', true],
  ['collector:80', PLAIN_GRPC, 'collector:80', false],
  ['otel_collector.ns.svc:4317', PLAIN_GRPC, 'otel_collector.ns.svc:4317', false],
  ['dns:collector:4317', PLAIN_GRPC, 'collector:4317', false],
  ['dns:///collector:4317', GRPC, 'collector:4317', true],
  ['unix:/run/otel.sock', GRPC, 'unix:/run/otel.sock', false],
  ['unix:///run/otel.sock', GRPC, 'unix:/run/otel.sock', false],
]

for (const [text, options, address, isSecure] of GRPC_ADDRESSES) {
  const insecure = options.insecure ? ', insecure' : ''
  test(`gRPC: ${text}${insecure} is ${isSecure ? 'TLS' : 'plain text'} to ${address}`, (t) => {
    t.like(parseEndpoint(text, options), { address, isSecure, authorization: undefined })
  })
}

const URLS: readonly [string, string, isSecure: boolean][] = [
  ['http://collector:4318', 'http://collector:4318/', false],
  ['http://collector', 'http://collector/', false],
  ['HTTPS://collector/otlp?team=a', 'https://collector/otlp?team=a', true],
  ['https://u:p@collector/otlp', 'https://collector/otlp', true],
  ['collector:4318', 'https://collector:4318/', true],
]

for (const [text, href, isSecure] of URLS) {
  test(`HTTP: ${text} is ${href}`, (t) => {
    const { url, isSecure: isSecureToo } = parseEndpoint(text, HTTP)
    t.is(url?.href, href)
    t.is(isSecureToo, isSecure)
  })
}

const CREDENTIALS: readonly [string, string][] = [
  ['http://user:pass@host:4317', 'user:pass'],
  ['https://user@host', 'user:'],
  ['https://:pass@host', ':pass'],
  ['https://us%40er:p%2Fa%3As%C3%A4s@host:4317', 'us@er:p/a:säs'],
  ['user:pass@host:4317', 'user:pass'],
]

for (const [text, credentials] of CREDENTIALS) {
  test(`user and password of ${text} become Basic authorization, and are shown nowhere`, (t) => {
    const endpoint = parseEndpoint(text, GRPC)
    const { authorization = '', address, url, origin } = endpoint
    t.is(Buffer.from(authorization.replace('Basic ', ''), 'base64').toString(), credentials)
    t.regex(address, /^host:\d+$/)
    for (const shown of [address, url?.href ?? '', origin]) t.notRegex(shown, /pass|us/)
  })
}

const REFUSED: readonly [string, EndpointOptions][] = [
  ['', GRPC],
  ['secret', GRPC],
  ['secret/path', GRPC],
  ['http:secret', GRPC],
  ['http://', GRPC],
  ['http://secret:99999', GRPC],
  ['http://secret host:1', GRPC],
  ['ftp://secret:4317', GRPC],
  ['grpc://secret:4317', GRPC],
  ['::1:4317', GRPC],
  ['http://secret:4317 ', GRPC],
  ['http://user:1/secret@host:4317', GRPC],
  ['http://user:secret#1@host:4317', GRPC],
  ['http://user:%secret@host:4317', GRPC],
  ['unix:/run/secret', HTTP],
  ['dns:secret:4318', HTTP],
]

for (const [text, options] of REFUSED) {
  test(`${options.protocol}: ${JSON.stringify(text)} is refused without being shown`, (t) => {
    const error = t.throws(() => parseEndpoint(text, options), { instanceOf: EndpointError })
    t.regex(error.message, /^(must be|has) /)
    t.notRegex(error.message, /secret/)
  })
}

test('a path has no effect with gRPC, which is a warning without the path', (t) => {
  for (const text of ['http://host:4317/v1/secret', 'http://host:4317/?k=secret']) {
    const warning = endpointWarning(parseEndpoint(text, GRPC), 'grpc')
    t.regex(warning ?? '', /not used/)
    t.notRegex(warning ?? '', /secret/)
    t.is(endpointWarning(parseEndpoint(text, HTTP), 'http/protobuf'), undefined)
  }
  t.is(endpointWarning(parseEndpoint('http://host:4317/', GRPC), 'grpc'), undefined)
})
