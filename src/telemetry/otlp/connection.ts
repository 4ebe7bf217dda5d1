/** The gRPC connection to an OTLP receiver: the official export delegate, given requests as bytes. */
import { readFileSync } from 'node:fs'
import { credentials, Metadata } from '@grpc/grpc-js'
import { ExportResultCode } from '@opentelemetry/core'
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import { createOtlpGrpcExportDelegate } from '@opentelemetry/otlp-grpc-exporter-base'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { parseEndpoint } from './endpoint.ts'
import type { EncodedRequest } from './request-encoder.ts'
import type { OtlpSettings } from './settings.ts'

export interface Connection {
  /**
   * Sends one request; there must be no other under way.
   *
   * @throws ServiceError of grpc-js, with the code of the gRPC status.
   */
  send(request: EncodedRequest): Promise<Rejection>
  /** Waits for the request under way, then closes the channel. */
  close(): Promise<void>
}

/** What the receiver threw away of a request that it took ("partial success" in OTLP). */
export interface Rejection {
  readonly points: number
  /** In the receiver's words; empty when it threw nothing away or gives no reason. */
  readonly message: string
}

const NOTHING_REJECTED: Rejection = { points: 0, message: '' }

const SERVICE = 'MetricsExportService'
const PATH = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'
const COMPONENT = 'otlp_grpc_metric_exporter'

/** @throws NodeJS.ErrnoException when a certificate can't be read or used. */
export function connect(settings: OtlpSettings): Connection {
  const { address, isSecure, authorization } = parseEndpoint(settings.endpoint, {
    protocol: 'grpc',
    insecure: settings.insecure,
  })
  const channel = isSecure ? secure(settings) : credentials.createInsecure()
  let rejection = NOTHING_REJECTED
  const delegate = createOtlpGrpcExportDelegate<EncodedRequest, unknown>(
    {
      url: address,
      timeoutMillis: Math.min(settings.timeout, settings.export_timeout),
      concurrencyLimit: 1,
      compression:
        settings.compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
      credentials: () => channel,
      metadata: () => metadata(settings.headers, authorization),
    },
    {
      serializeRequest: ({ bytes }) => bytes,
      deserializeResponse: (bytes) => {
        const { partialSuccess } = ProtobufMetricsSerializer.deserializeResponse(bytes)
        rejection = {
          points: Number(partialSuccess?.rejectedDataPoints ?? 0),
          message: partialSuccess?.errorMessage ?? '',
        }
        // The reader counts and logs what was rejected; the delegate would log it once per request.
        return {}
      },
    },
    COMPONENT,
    { name: 'metric_data_point', countItems: ({ points }) => points.length },
    undefined,
    SERVICE,
    PATH,
  )
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        rejection = NOTHING_REJECTED
        delegate.export(request, ({ code, error }) => {
          if (code === ExportResultCode.SUCCESS) resolve(rejection)
          else reject(error ?? new Error('the request was not sent'))
        })
      }),
    close: () => delegate.shutdown(),
  }
}

function secure({ certificate, client_key, client_certificate }: OtlpSettings) {
  return credentials.createSsl(read(certificate), read(client_key), read(client_certificate))
}

function read(path: string | undefined): Buffer | null {
  return path === undefined ? null : readFileSync(path)
}

/** @param authorization of the endpoint; a header of that name counts instead. */
function metadata(
  headers: ReadonlyMap<string, string>,
  authorization: string | undefined,
): Metadata {
  const metadata = new Metadata()
  if (authorization !== undefined) metadata.set('authorization', authorization)
  for (const [key, value] of headers) metadata.set(key, value)
  return metadata
}
