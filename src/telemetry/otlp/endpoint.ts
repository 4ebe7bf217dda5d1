/**
 * The address of an OTLP receiver, as OpenTelemetry's specification and its users write it: a URL with `http` or
 * `https`, or one of gRPC's forms (`HOST:PORT`, `dns:HOST:PORT`, `unix:PATH`).
 */
import { BOOLEAN, inAnyCase, oneOf } from '../../lib/settings/formats.ts'
import { setting, type Values } from '../../lib/settings/setting.ts'
import type { OtlpSettings } from './settings.ts'

/** A parsed address of a receiver. */
export interface Endpoint {
  /** What gRPC connects to: `host:port`, `[address]:port` or `unix:PATH`. */
  readonly address: string
  /** The URL for OTLP/HTTP as it was written, without user and password. Undefined for a Unix socket. */
  readonly url: URL | undefined
  readonly isSecure: boolean
  /** Value of the header `authorization` (Basic) for a URL that has a user or a password. */
  readonly authorization: string | undefined
  /** Scheme, host and port, for logs: nothing that can be a secret. */
  readonly origin: string
}

/** The settings that say how an endpoint is read; those of OTLP (`settings.ts`) have them among theirs. */
export const ENDPOINT_SETTINGS = {
  protocol: setting({
    doc: 'Transport of OTLP.',
    format: inAnyCase(oneOf('grpc', 'http/protobuf')),
    default: 'grpc',
    substitutes: new Map([['http/json', 'http/protobuf']]),
    variables: ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
  }),
  insecure: setting({
    doc: 'Whether an endpoint without a scheme is plain text.',
    format: BOOLEAN,
    default: false,
    variables: ['OTEL_EXPORTER_OTLP_METRICS_INSECURE', 'OTEL_EXPORTER_OTLP_INSECURE'],
  }),
}

/** Values of the settings that say how an endpoint is read. */
export type EndpointOptions = Values<typeof ENDPOINT_SETTINGS>

/** An endpoint that can not be used. The message has nothing of the endpoint, which may hold a password. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError'
}

/** To complete "must be …". */
export const ENDPOINT_FORMS =
  'a URL such as http://localhost:4317 or https://user:password@example.com (percent-encoded), or HOST:PORT'

/** The port of OTLP/gRPC. */
const GRPC_PORT = '4317'
const SCHEME_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

const UNIX = /^unix:(?:\/\/)?(.+)$/i
const DNS = /^dns:(?:\/\/\/)?/i
const URL_FORM = /^https?:\/\//i
const PORT = /:(\d+)$/

/**
 * Where metrics go. OTLP/HTTP appends the path of metrics to the receiver's endpoint, and takes that of metrics alone
 * as it is.
 *
 * @throws EndpointError
 */
export function metricsEndpoint(
  settings: EndpointOptions & Pick<OtlpSettings, 'endpoint' | 'metrics_endpoint'>,
): Endpoint {
  const { endpoint, metrics_endpoint, ...options } = settings
  if (metrics_endpoint !== undefined) return parseEndpoint(metrics_endpoint, options)
  const parsed = parseEndpoint(endpoint ?? DEFAULT_ENDPOINTS[options.protocol], options)
  if (options.protocol === 'grpc' || parsed.url === undefined) return parsed
  const url = new URL(parsed.url)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${METRICS_PATH}`
  return { ...parsed, url }
}

const DEFAULT_ENDPOINTS = {
  grpc: 'http://localhost:4317',
  'http/protobuf': 'http://localhost:4318',
} as const
const METRICS_PATH = '/v1/metrics'

/**
 * Parses an endpoint.
 *
 * @param text as configured. `http://HOST` without a port is port 4317 for gRPC and 80 for HTTP, `https://HOST` is port
 *   443 for both, as OpenTelemetry's other exporters have it.
 * @throws EndpointError
 */
export function parseEndpoint(text: string, { protocol, insecure }: EndpointOptions): Endpoint {
  const socket = UNIX.exec(text)?.[1]
  if (socket !== undefined) return unixEndpoint(socket, protocol)
  const isUrl = URL_FORM.test(text)
  const hostAndPort = protocol === 'grpc' ? text.replace(DNS, '') : text
  const url = parseUrl(isUrl ? text : `${insecure ? 'http' : 'https'}://${hostAndPort}`)
  const port = writtenPort(isUrl ? text : `//${hostAndPort}`)
  if (!isUrl && (port === undefined || url.pathname !== '/'))
    throw new EndpointError(NOT_UNDERSTOOD)
  const authorization = basicAuthorization(url)
  url.username = ''
  url.password = ''
  const isSecure = url.protocol === 'https:'
  const usual = protocol === 'grpc' && !isSecure ? GRPC_PORT : SCHEME_PORTS[url.protocol]
  const address = `${url.hostname}:${port ?? usual}`
  return { address, url, isSecure, authorization, origin: `${url.protocol}//${address}` }
}

/** What of an endpoint has no effect with a protocol, as a warning that shows nothing of it; else undefined. */
export function endpointWarning(
  { url }: Endpoint,
  protocol: EndpointOptions['protocol'],
): string | undefined {
  if (protocol !== 'grpc' || url === undefined) return undefined
  if (url.pathname === '/' && url.search === '' && url.hash === '') return undefined
  return 'the path of the OTLP endpoint is not used: gRPC has none (a path is for http/protobuf)'
}

const NOT_UNDERSTOOD = `must be ${ENDPOINT_FORMS}`

function unixEndpoint(path: string, protocol: EndpointOptions['protocol']): Endpoint {
  if (protocol !== 'grpc') throw new EndpointError('must be a URL: a Unix socket is for gRPC only')
  const address = `unix:${path}`
  return {
    address,
    url: undefined,
    isSecure: false,
    authorization: undefined,
    origin: address,
  }
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || url.hostname === '' || /\s/.test(text))
    throw new EndpointError(NOT_UNDERSTOOD)
  // The rest of a password with a slash, else metrics would go to a host of that user's name.
  if (`${url.pathname}${url.search}${url.hash}`.includes('@')) {
    throw new EndpointError(
      'has an @ after the host: characters such as / ? # @ in a user name or password must be percent-encoded',
    )
  }
  return url
}

/** The port that is written, also where it is the scheme's own, which URL leaves out. */
function writtenPort(text: string): string | undefined {
  const [, authority = ''] = /\/\/([^/?#]*)/.exec(text) ?? []
  return PORT.exec(authority.slice(authority.lastIndexOf('@') + 1))?.[1]
}

function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return `Basic ${Buffer.from(credentials).toString('base64')}`
  } catch {
    throw new EndpointError('has a user name or password that is not percent-encoded UTF-8')
  }
}
