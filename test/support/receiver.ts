/** An OTLP/gRPC receiver, made from the published .proto files: so requests are parsed by independent code. */
import { fileURLToPath } from 'node:url'
import {
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { WORKLOAD_KEYS } from '../../src/entities/workload-attributes.ts'

export interface ReceivedPoint {
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
  readonly asInt?: string
  readonly asDouble?: number
}

export interface ReceivedMetric {
  readonly name: string
  readonly description: string
  /** Absent when it is empty. */
  readonly unit?: string
  readonly gauge?: { readonly dataPoints: readonly ReceivedPoint[] }
  readonly sum?: {
    readonly dataPoints: readonly ReceivedPoint[]
    readonly aggregationTemporality: string
    readonly isMonotonic: boolean
  }
}

export interface ReceivedRequest {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: ReceivedPoint['attributes'] }
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string; readonly version: string }
      readonly metrics: readonly ReceivedMetric[]
    }[]
  }[]
}

/** How the receiver answers a request: with a status, a partial success, or not before a promise is done. */
export interface Answer {
  readonly code?: status
  readonly details?: string
  /** Seconds of a google.rpc.RetryInfo. */
  readonly retryAfter?: number
  readonly rejected?: number
  /** What it says of that; `no` unless it is given. */
  readonly message?: string
  readonly after?: Promise<unknown>
  /** The receiver ends with its connections, before it has taken the request or before it answers. */
  readonly dies?: 'before' | 'after'
}

export interface Receiver {
  readonly endpoint: string
  readonly port: number
  /** Requests that were answered with OK, in their order. */
  readonly requests: ReceivedRequest[]
  /** Metadata of the last request. */
  metadata: Metadata
  /** Requests under way now, and at most so far. */
  active: number
  mostActive: number
  /** How the next requests are answered, one after the other; then with OK. */
  readonly answers: Answer[]
  /** Resolves when so many requests have been taken in all. */
  received(count: number): Promise<void>
  close(): void
}

export interface ReceiverOptions {
  readonly port?: number
  readonly credentials?: ServerCredentials
  readonly maxReceive?: number
}

const PROTOS = fileURLToPath(new URL('../fixtures/opentelemetry-proto', import.meta.url))
const SERVICE_FILE = 'opentelemetry/proto/collector/metrics/v1/metrics_service.proto'

export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const server = new Server({
    'grpc.max_receive_message_length': options.maxReceive ?? 64 * 1024 * 1024,
  })
  const waiting: { count: number; resolve: () => void }[] = []
  let receiver: Receiver
  const handle = async (
    call: ServerUnaryCall<ReceivedRequest, unknown>,
    reply: sendUnaryData<unknown>,
  ) => {
    receiver.metadata = call.metadata
    receiver.active++
    receiver.mostActive = Math.max(receiver.mostActive, receiver.active)
    const answer = receiver.answers.shift() ?? {}
    await answer.after
    receiver.active--
    if (answer.dies === 'after') receiver.requests.push(call.request)
    if (answer.dies !== undefined) {
      receiver.close()
      return
    }
    if (answer.code !== undefined) {
      const details = answer.details ?? 'refused by the test'
      reply({ code: answer.code, details, metadata: retryInfo(answer) })
      return
    }
    receiver.requests.push(call.request)
    const partial = answer.rejected !== undefined && {
      rejectedDataPoints: answer.rejected,
      errorMessage: answer.message ?? 'no',
    }
    reply(null, partial ? { partialSuccess: partial } : {})
    for (const { count, resolve } of waiting) if (receiver.requests.length >= count) resolve()
  }
  server.addService(metricsService(), { Export: handle })
  const port = await new Promise<number>((resolve, reject) => {
    const address = `127.0.0.1:${options.port ?? 0}`
    server.bindAsync(
      address,
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    )
  })
  receiver = {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    requests: [],
    metadata: new Metadata(),
    active: 0,
    mostActive: 0,
    answers: [],
    received: (count) =>
      new Promise((resolve) => {
        if (receiver.requests.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    close: () => server.forceShutdown(),
  }
  return receiver
}

/** All points of requests, with their metrics; whose they are is among their attributes, as if there were one Resource. */
export function pointsOf(
  requests: readonly ReceivedRequest[],
): { metric: ReceivedMetric; point: ReceivedPoint }[] {
  return requests.flatMap(({ resourceMetrics }) =>
    resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
      const identity = resource.attributes.filter(({ key }) => key in WORKLOAD_KEYS)
      const identified = (point: ReceivedPoint) =>
        identity.length === 0 ? point : { ...point, attributes: [...identity, ...point.attributes] }
      return scopeMetrics.flatMap(({ metrics }) =>
        metrics.flatMap(
          (metric) =>
            (metric.gauge ?? metric.sum)?.dataPoints.map((point) => ({
              metric,
              point: identified(point),
            })) ?? [],
        ),
      )
    }),
  )
}

export function pointValue({ asInt, asDouble }: ReceivedPoint): number {
  return asInt === undefined ? (asDouble as number) : Number(asInt)
}

export function attributesOf({
  attributes,
}: Pick<ReceivedPoint, 'attributes'>): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]),
  )
}

/** The service's definition, made from the published .proto files. */
export function loadService() {
  return loadSync(SERVICE_FILE, {
    includeDirs: [PROTOS],
    longs: String,
    enums: String,
    arrays: true,
  })
}

function metricsService() {
  const packages = loadPackageDefinition(loadService()) as unknown as ServicePackages
  return packages.opentelemetry.proto.collector.metrics.v1.MetricsService.service
}

interface ServicePackages {
  opentelemetry: {
    proto: { collector: { metrics: { v1: { MetricsService: ServiceClientConstructor } } } }
  }
}

/** A google.rpc.Status with a google.rpc.RetryInfo, in protobuf. */
function retryInfo({ retryAfter }: Answer): Metadata {
  const metadata = new Metadata()
  if (retryAfter === undefined) return metadata
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
  const duration = Buffer.from([1 << 3, retryAfter])
  const any = Buffer.concat([
    field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    field(2, field(1, duration)),
  ])
  metadata.set(
    'grpc-status-details-bin',
    Buffer.concat([Buffer.from([1 << 3, status.UNAVAILABLE]), field(3, any)]),
  )
  return metadata
}
