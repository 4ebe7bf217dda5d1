/** OTLP/HTTP with protobuf. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import { createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http'
import { type Endpoint, metricsEndpoint } from './endpoint.ts'
import { ExportError, exportError } from './export-error.ts'
import type { ExportRequest } from './requests.ts'
import { readRpcStatus } from './rpc-status.ts'
import type { OtlpSettings } from './settings.ts'
import {
  exportBy,
  REQUEST_COUNTER,
  REQUEST_SERIALIZER,
  type Rejection,
  type RequestExporter,
  requestHeaders,
  requestTimeout,
  resourceExporter,
  type Transport,
  withoutVariables,
} from './transport.ts'

const CONTENT_TYPE = 'application/x-protobuf'

/**
 * Opens a transport for OTLP/HTTP.
 *
 * @throws NodeJS.ErrnoException when a certificate can't be read or used.
 */
export async function openHttp(settings: OtlpSettings): Promise<Transport> {
  const endpoint = metricsEndpoint(settings)
  const agent = createAgent(settings, endpoint)
  const exporter =
    settings.resources === 'single'
      ? await createExporter(settings, endpoint, agent)
      : createDelegate(settings, endpoint, agent)
  return {
    send: (request) => exchange(exporter, request, requestTimeout(settings)),
    close: async () => agent.destroy(),
  }
}

async function createExporter(
  settings: OtlpSettings,
  endpoint: Endpoint,
  agent: Agent,
): Promise<RequestExporter<ExportRequest>> {
  const headers = requestHeaders(settings, endpoint)
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-proto')
  const options = {
    ...sharedOptions(settings, endpoint),
    httpAgentOptions: () => agent,
    headers: async () => headersOnce(headers),
  }
  return resourceExporter(withoutVariables(() => new OTLPMetricExporter(options)))
}

function createDelegate(
  settings: OtlpSettings,
  endpoint: Endpoint,
  agent: Agent,
): RequestExporter<ExportRequest> {
  const headers = requestHeaders(settings, endpoint)
  return createOtlpHttpExportDelegate(
    {
      ...sharedOptions(settings, endpoint),
      agentFactory: () => agent,
      headers: async () => ({ ...headersOnce(headers), 'Content-Type': CONTENT_TYPE }),
    },
    REQUEST_SERIALIZER,
    'otlp_http_metric_exporter',
    REQUEST_COUNTER,
    undefined,
  )
}

function sharedOptions(settings: OtlpSettings, { url }: Endpoint) {
  return {
    url: (url as URL).href,
    timeoutMillis: requestTimeout(settings),
    // One request, and what the exporter's own retry has not forgotten yet.
    concurrencyLimit: Number.POSITIVE_INFINITY,
    compression: settings.compression as CompressionAlgorithm,
  }
}

function createAgent(
  { certificate, client_key, client_certificate }: OtlpSettings,
  { isSecure }: Endpoint,
): Agent {
  if (!isSecure) return new Agent({ keepAlive: true })
  return new SecureAgent({
    keepAlive: true,
    ...(certificate !== undefined && { ca: readFileSync(certificate) }),
    ...(client_key !== undefined && { key: readFileSync(client_key) }),
    ...(client_certificate !== undefined && { cert: readFileSync(client_certificate) }),
  })
}

/** One request and its answer. */
interface Exchange {
  request?: ClientRequest
  readonly reject: (error: ExportError) => void
}

const EXCHANGES = new AsyncLocalStorage<Exchange>()

/**
 * The exporter reports neither the status nor how long to wait, waits for a receiver as long as bytes come, and sends
 * again by itself, where nothing counts it and nothing newer takes its place. So the request is watched here, and
 * the exchange ends with the first answer.
 */
async function exchange(
  exporter: RequestExporter<ExportRequest>,
  request: ExportRequest,
  timeout: number,
): Promise<Rejection> {
  const { promise, resolve, reject } = Promise.withResolvers<Rejection>()
  const current: Exchange = { reject }
  const timer = setTimeout(() => {
    reject(
      new ExportError(`no answer within ${timeout} ms`, { reason: TIMEOUT, isRetryable: true }),
    )
    current.request?.destroy()
  }, timeout)
  EXCHANGES.run(current, () => exportBy(exporter, request)).then(resolve, (error) =>
    reject(exportError(error)),
  )
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

const TIMEOUT = 'TIMEOUT'

/** The headers of a request. The exporter asks for them before each attempt, of which only the first is wanted. */
function headersOnce(headers: ReadonlyMap<string, string>): Record<string, string> {
  if (EXCHANGES.getStore()?.request !== undefined) throw new Error('the request was sent already')
  return Object.fromEntries(headers)
}

subscribe('http.client.request.created', (message) => {
  const current = EXCHANGES.getStore()
  if (current === undefined) return
  const { request } = message as { request: ClientRequest }
  current.request = request
  request.once('error', (error) => current.reject(connectionError(error)))
  request.once('response', (response: IncomingMessage) => watch(response, current.reject))
})

/** Rejects unless the receiver took the request. */
function watch(response: IncomingMessage, reject: Exchange['reject']): void {
  const { statusCode = 0, headers } = response
  if (statusCode < 300) {
    const type = headers['content-type'] ?? ''
    if (!type.startsWith('text/html')) return
    const message = `the answer is a page (${type}), not OTLP: is the endpoint that of a receiver?`
    reject(new ExportError(message, { reason: String(statusCode) }))
    return
  }
  const body: Buffer[] = []
  let size = 0
  response.on('data', (chunk: Buffer) => {
    if (size < MAX_DETAIL) body.push(chunk)
    size += chunk.length
  })
  response.once('close', () => reject(refusal(response, Buffer.concat(body))))
}

/** Bytes of an answer that may be of interest. */
const MAX_DETAIL = 4096
/** Characters of it that are logged. */
const MAX_SHOWN = 300

/** OTLP's rules for HTTP (OpenTelemetry Protocol, "OTLP/HTTP Response"). */
function refusal(response: IncomingMessage, body: Buffer): ExportError {
  const { statusCode = 0, statusMessage: phrase = '', headers } = response
  const isProtobuf = headers['content-type']?.startsWith(CONTENT_TYPE) === true
  const text = (isProtobuf ? readRpcStatus(body).message : body.toString())
    .trim()
    .slice(0, MAX_SHOWN)
  const hint =
    statusCode < 400 ? `redirects to ${headers.location} are not followed: set the endpoint` : text
  const isTooLarge =
    statusCode === PAYLOAD_TOO_LARGE || (statusCode === 400 && TOO_LARGE.test(text))
  return new ExportError([`HTTP ${statusCode} ${phrase}`.trim(), hint].filter(Boolean).join(': '), {
    reason: String(statusCode),
    isTooLarge,
    isRetryable: RETRYABLE.has(statusCode),
    retryAfter: retryAfter(headers['retry-after']),
  })
}

const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])
const PAYLOAD_TOO_LARGE = 413
/** Go's servers, the Collector's among them, answer 400 with this text. */
const TOO_LARGE = /request body too large/i

/** Milliseconds of a Retry-After, which has seconds or a date. */
function retryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const milliseconds = /^\d+$/.test(text.trim())
    ? Number(text) * 1000
    : Date.parse(text) - Date.now()
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}

/** Without an answer the same request is sent again, unless it could not be made at all. */
function connectionError(error: NodeJS.ErrnoException): ExportError {
  const { code = error.name, message } = error
  const isWrong = code.startsWith('ERR_INVALID') || code.startsWith('ERR_HTTP')
  return new ExportError(message || code, { reason: code, isRetryable: !isWrong })
}
