/** An OTLP/gRPC receiver made from the published .proto files alone, that can be ended and come back. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { freePort } from '../../test/support/free-port.ts'
import type { Scope } from '../support/children.ts'

export interface KeyValue {
  readonly key: string
  readonly value?: {
    readonly stringValue?: string
    readonly intValue?: string
    readonly doubleValue?: number
    readonly boolValue?: boolean
    readonly arrayValue?: { readonly values: readonly { readonly stringValue?: string }[] }
  }
}

export interface Point {
  readonly attributes: readonly KeyValue[]
  readonly startTimeUnixNano?: string
  readonly timeUnixNano?: string
  readonly asInt?: string
  readonly asDouble?: number
}

export interface Metric {
  readonly name?: string
  readonly description?: string
  readonly unit?: string
  readonly gauge?: { readonly dataPoints: readonly Point[] }
  readonly sum?: {
    readonly dataPoints: readonly Point[]
    readonly aggregationTemporality?: string
    readonly isMonotonic?: boolean
  }
}

export interface ExportRequest {
  readonly resourceMetrics: readonly {
    readonly resource?: { readonly attributes: readonly KeyValue[] }
    readonly scopeMetrics: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string }
      readonly metrics: readonly Metric[]
    }[]
  }[]
}

const PROTOS = fileURLToPath(new URL('../../test/fixtures/opentelemetry-proto', import.meta.url))
const SERVICE = 'opentelemetry/proto/collector/metrics/v1/metrics_service.proto'

export class Receiver {
  readonly endpoint: string
  /** Requests that were not taken, for their sender had given them up. */
  unanswered = 0
  readonly #port: number
  readonly #take: (request: ExportRequest) => void
  #server: Server | undefined
  /** Told when a request has come that is not to be answered. */
  #onLast: ((request: ExportRequest) => void) | undefined

  private constructor(port: number, take: (request: ExportRequest) => void) {
    this.#port = port
    this.endpoint = `http://127.0.0.1:${port}`
    this.#take = take
  }

  /** @param take is given every request, with enums by name and 64-bit numbers as text. */
  static async start(scope: Scope, take: (request: ExportRequest) => void): Promise<Receiver> {
    const receiver = new Receiver(await freePort(), take)
    await receiver.#listen()
    scope.onEnd(() => receiver.#server?.forceShutdown())
    return receiver
  }

  /**
   * Ends it with all its connections in the middle of a request, and lets it come back. That a sender has begun this request
   * says that it has the answer to the one before.
   *
   * @param milliseconds until it is back.
   * @param takesLast whether it takes the request that it doesn't answer: its sender can't know.
   */
  async kill(milliseconds: number, takesLast: boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onLast = (request) => {
        if (takesLast) this.#take(request)
        resolve()
      }
    })
    this.#onLast = undefined
    this.#server?.forceShutdown()
    this.#server = undefined
    await delay(milliseconds)
    await this.#listen()
  }

  async #listen(): Promise<void> {
    const server = new Server()
    server.addService(metricsService(), {
      Export: (call: ServerUnaryCall<ExportRequest, unknown>, reply: sendUnaryData<unknown>) => {
        if (this.#onLast !== undefined) return this.#onLast(call.request)
        // Its sender has given it up, and can't know whether it was taken.
        if (call.cancelled) {
          this.unanswered++
          return
        }
        this.#take(call.request)
        reply(null, {})
      },
    })
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      ),
    )
    this.#server = server
  }
}

function metricsService() {
  const definition = loadSync(SERVICE, {
    includeDirs: [PROTOS],
    longs: String,
    enums: String,
    arrays: true,
  })
  const { opentelemetry } = loadPackageDefinition(definition) as unknown as {
    opentelemetry: {
      proto: { collector: { metrics: { v1: { MetricsService: ServiceClientConstructor } } } }
    }
  }
  return opentelemetry.proto.collector.metrics.v1.MetricsService.service
}
