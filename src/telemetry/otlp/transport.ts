/** What both transports of OTLP have in common: requests go out through OpenTelemetry's own exporters. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import {
  type IExporterMetricsHelper,
  type IExportMetricsServiceResponse,
  type ISerializer,
  ProtobufMetricsSerializer,
} from '@opentelemetry/otlp-transformer'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Endpoint } from './endpoint.ts'
import type { ExportRequest } from './requests.ts'
import type { OtlpSettings } from './settings.ts'

/** A connection to a receiver. */
export interface Transport {
  /**
   * Sends one request; there must be no other under way.
   *
   * @throws ExportError when the receiver did not take it.
   */
  send(request: ExportRequest): Promise<Rejection>
  /** Closes the connection; for gRPC after the request under way. */
  close(): Promise<void>
}

/** What the receiver threw away of a request that it took ("partial success" in OTLP). */
export interface Rejection {
  readonly points: number
  /** In the receiver's words; empty when it threw nothing away or gives no reason. */
  readonly message: string
}

/** Each transport is loaded when it is used: gRPC alone takes some MiB. */
export async function openTransport(settings: OtlpSettings): Promise<Transport> {
  if (settings.protocol === 'grpc') return (await import('./grpc.ts')).openGrpc(settings)
  return (await import('./http.ts')).openHttp(settings)
}

/** An exporter of OpenTelemetry, or the delegate that it is made of. */
export interface RequestExporter<Item> {
  export(item: Item, callback: (result: ExportResult) => void): void
  shutdown(): Promise<void>
}

/**
 * Sends one request by an exporter.
 *
 * @throws the error that the exporter gives.
 */
export function exportBy<Item>(exporter: RequestExporter<Item>, item: Item): Promise<Rejection> {
  const answer: Answer = { rejection: NOTHING_REJECTED }
  return new Promise((resolve, reject) => {
    ANSWERS.run(answer, () =>
      exporter.export(item, ({ code, error }) => {
        if (code === ExportResultCode.SUCCESS) resolve(answer.rejection)
        else reject(error ?? new Error('the request was not sent'))
      }),
    )
  })
}

/** Where the answer to the request under way goes. */
interface Answer {
  rejection: Rejection
}

const NOTHING_REJECTED: Rejection = { points: 0, message: '' }
const ANSWERS = new AsyncLocalStorage<Answer>()

/** For a delegate that sends several Resources at once: joins what is encoded already. */
export const REQUEST_SERIALIZER: ISerializer<ExportRequest, IExportMetricsServiceResponse> = {
  serializeRequest: ({ parts }) =>
    parts.length === 1 ? parts[0].bytes : Buffer.concat(parts.map(({ bytes }) => bytes)),
  deserializeResponse: (bytes) => {
    note(ProtobufMetricsSerializer.deserializeResponse(bytes).partialSuccess)
    // The delegate would log a partial success once per request.
    return {}
  },
}

/** How the delegate counts requests of ours. */
export const REQUEST_COUNTER: IExporterMetricsHelper<ExportRequest> = {
  name: 'metric_data_point',
  countItems: ({ points }) => points,
}

/** An exporter of one Resource at a time, given requests that have no more. */
export function resourceExporter(
  exporter: RequestExporter<ResourceMetrics>,
): RequestExporter<ExportRequest> {
  readDiagnostics()
  return {
    export: ({ parts: [{ metrics }] }, callback) => exporter.export(metrics, callback),
    shutdown: () => exporter.shutdown(),
  }
}

/**
 * Makes an exporter of settings alone: it would also take what it finds in variables, such as headers,
 * though the configuration has decided already which of them count.
 */
export function withoutVariables<T>(create: () => T): T {
  const found = Object.entries(process.env).filter(([name]) => name.startsWith(EXPORTER_VARIABLES))
  for (const [name] of found) Reflect.deleteProperty(process.env, name)
  try {
    return create()
  } finally {
    Object.assign(process.env, Object.fromEntries(found))
  }
}

const EXPORTER_VARIABLES = 'OTEL_EXPORTER_OTLP_'

/**
 * OTLPMetricExporter says what a receiver threw away to the diagnostic logger only. Nothing else is taken from there:
 * errors arrive by themselves.
 */
function readDiagnostics(): void {
  const ignore = () => {}
  const warn = (message: string, detail: unknown) => {
    if (message === PARTIAL_SUCCESS) note(JSON.parse(String(detail)))
  }
  diag.setLogger(
    { error: ignore, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}

const PARTIAL_SUCCESS = 'Received Partial Success response:'

function note(partial: IExportMetricsServiceResponse['partialSuccess'] | undefined): void {
  const answer = ANSWERS.getStore()
  if (answer === undefined || partial == null) return
  const { rejectedDataPoints, errorMessage } = partial
  answer.rejection = { points: Number(rejectedDataPoints ?? 0), message: errorMessage ?? '' }
}

/** Milliseconds that one request may take. */
export function requestTimeout({ timeout, export_timeout }: OtlpSettings): number {
  return Math.min(timeout, export_timeout)
}

/** The headers of each request. Credentials of the endpoint give way to a header `authorization`. */
export function requestHeaders(
  { headers }: OtlpSettings,
  { authorization }: Endpoint,
): ReadonlyMap<string, string> {
  const isGiven = [...headers.keys()].some((name) => name.toLowerCase() === 'authorization')
  if (authorization === undefined || isGiven) return headers
  return new Map([['authorization', authorization], ...headers])
}
