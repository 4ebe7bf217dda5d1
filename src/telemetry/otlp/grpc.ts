/** OTLP/gRPC. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type ChannelCredentials,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import type { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import { createOtlpGrpcExportDelegate } from '@opentelemetry/otlp-grpc-exporter-base'
import { type Endpoint, metricsEndpoint } from './endpoint.ts'
import { ExportError, exportError } from './export-error.ts'
import type { ExportRequest } from './requests.ts'
import { readRpcStatus } from './rpc-status.ts'
import type { OtlpSettings } from './settings.ts'
import {
  exportBy,
  REQUEST_COUNTER,
  REQUEST_SERIALIZER,
  type RequestExporter,
  requestHeaders,
  requestTimeout,
  resourceExporter,
  type Transport,
  withoutVariables,
} from './transport.ts'

/**
 * Opens a transport for OTLP/gRPC.
 *
 * @throws NodeJS.ErrnoException when a certificate can't be read or used.
 */
export async function openGrpc(settings: OtlpSettings): Promise<Transport> {
  const endpoint = metricsEndpoint(settings)
  const channel = endpoint.isSecure ? secure(settings) : credentials.createInsecure()
  const exporter =
    settings.resources === 'single'
      ? await createExporter(settings, endpoint, channel)
      : createDelegate(settings, endpoint, channel)
  return {
    send: (request) =>
      exportBy(exporter, request).catch((error) => Promise.reject(classify(error))),
    close: () => exporter.shutdown(),
  }
}

async function createExporter(
  settings: OtlpSettings,
  endpoint: Endpoint,
  channel: ChannelCredentials,
): Promise<RequestExporter<ExportRequest>> {
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-grpc')
  const { address, url } = endpoint
  const options = {
    ...sharedOptions(settings),
    // Whether it is secure is the channel's. A Unix socket has no URL; the exporter wants two slashes, and a whole path.
    url:
      url === undefined ? `unix://${resolve(address.slice('unix:'.length))}` : `http://${address}`,
    credentials: channel,
    metadata: metadata(settings, endpoint),
  }
  return resourceExporter(withoutVariables(() => new OTLPMetricExporter(options)))
}

function createDelegate(
  settings: OtlpSettings,
  endpoint: Endpoint,
  channel: ChannelCredentials,
): RequestExporter<ExportRequest> {
  return createOtlpGrpcExportDelegate(
    {
      ...sharedOptions(settings),
      url: endpoint.address,
      credentials: () => channel,
      metadata: () => metadata(settings, endpoint),
    },
    REQUEST_SERIALIZER,
    'otlp_grpc_metric_exporter',
    REQUEST_COUNTER,
    undefined,
    'MetricsExportService',
    '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  )
}

function sharedOptions(settings: OtlpSettings) {
  return {
    timeoutMillis: requestTimeout(settings),
    concurrencyLimit: 1,
    compression: settings.compression as CompressionAlgorithm,
  }
}

function secure({ certificate, client_key, client_certificate }: OtlpSettings) {
  return credentials.createSsl(read(certificate), read(client_key), read(client_certificate))
}

function read(path: string | undefined): Buffer | null {
  return path === undefined ? null : readFileSync(path)
}

function metadata(settings: OtlpSettings, endpoint: Endpoint): Metadata {
  const metadata = new Metadata()
  for (const [key, value] of requestHeaders(settings, endpoint)) metadata.set(key, value)
  return metadata
}

/** OTLP's rules for gRPC (OpenTelemetry Protocol, "OTLP/gRPC Response"). A receiver that is exhausted must have said when. */
function classify(error: unknown): ExportError {
  const { code, details = '', metadata } = error as ServiceError
  if (typeof code !== 'number') return exportError(error)
  const isTooLarge = SIZE_CODES.has(code) && TOO_LARGE.test(details)
  const [trailer] = metadata?.get('grpc-status-details-bin') ?? []
  const retryAfter = Buffer.isBuffer(trailer) ? readRpcStatus(trailer).retryAfter : undefined
  const isExhausted = code === status.RESOURCE_EXHAUSTED && retryAfter !== undefined
  return new ExportError(details, {
    reason: status[code] ?? String(code),
    isTooLarge,
    isRetryable: !isTooLarge && (RETRYABLE.has(code) || isExhausted),
    retryAfter,
  })
}

const RETRYABLE: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])

/**
 * gRPC has no code for a request that is too large: Go, C++ and JavaScript say "larger than max", Java and .NET
 * "exceeds (the) maximum", all with RESOURCE_EXHAUSTED; Rust's tonic says "message length too large" with
 * OUT_OF_RANGE, which else would be sent again as it is, and "size limit … exceeded" of what was compressed.
 */
const TOO_LARGE = /larger than max|message.*(too large|exceeds .*maximum)|size limit.*exceeded/i
const SIZE_CODES: ReadonlySet<number> = new Set([status.RESOURCE_EXHAUSTED, status.OUT_OF_RANGE])
