/** An OTLP/HTTP receiver, made from the published .proto files. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { MethodDefinition, ServiceDefinition } from '@grpc/proto-loader'
import { loadService, type ReceivedRequest } from './receiver.ts'

/** How the receiver answers a request. */
export interface HttpAnswer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  /** Points of a partial success, and what it says. */
  readonly rejected?: number
  readonly message?: string
  /** The connection ends before the answer, or within it. */
  readonly cut?: 'before' | 'within'
  /** Whether the receiver takes the request though the connection ends before the answer. */
  readonly isTaken?: boolean
  /** The answer does not begin, or does not end, before the promise is done. */
  readonly after?: Promise<unknown>
  readonly endAfter?: Promise<unknown>
}

export interface HttpReceiver {
  /** With the path that requests are taken at. */
  readonly endpoint: string
  readonly port: number
  /** Requests that were taken, in their order. */
  readonly requests: ReceivedRequest[]
  /** Of the last request. */
  url: string
  headers: IncomingHttpHeaders
  /** Requests in all, and under way at most. */
  count: number
  mostActive: number
  active: number
  /** How the next requests are answered, one after the other; then with 200. */
  readonly answers: HttpAnswer[]
  close(): void
}

export interface HttpReceiverOptions {
  readonly port?: number
  /** For TLS. */
  readonly tls?: ServerOptions
  /** Bytes; what is larger gets 413. */
  readonly maxReceive?: number
}

const PROTOBUF = { 'content-type': 'application/x-protobuf' }

export async function startHttpReceiver(options: HttpReceiverOptions = {}): Promise<HttpReceiver> {
  const { Export } = loadService()[
    'opentelemetry.proto.collector.metrics.v1.MetricsService'
  ] as ServiceDefinition
  const method = Export as MethodDefinition<object, object>
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    receiver.count++
    receiver.mostActive = Math.max(receiver.mostActive, ++receiver.active)
    receiver.url = request.url ?? ''
    receiver.headers = request.headers
    const sent = await buffer(request)
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    const answer = answerTo(bytes)
    await answer.after
    receiver.active--
    const take = () => receiver.requests.push(method.requestDeserialize(bytes) as ReceivedRequest)
    if (answer.cut === 'before') {
      if (answer.isTaken === true) take()
      return void request.socket.destroy()
    }
    const { status = 200, rejected, message = 'no' } = answer
    const partial =
      rejected === undefined
        ? {}
        : { partialSuccess: { rejectedDataPoints: rejected, errorMessage: message } }
    const body = answer.body ?? (status === 200 ? method.responseSerialize(partial) : '')
    if (status === 200) take()
    response.writeHead(status, { ...PROTOBUF, ...answer.headers })
    if (answer.cut === 'within') return void response.write('half', () => request.socket.destroy())
    if (answer.endAfter !== undefined) {
      response.flushHeaders()
      await answer.endAfter
    }
    response.end(body)
  }
  const answerTo = ({ length }: Buffer): HttpAnswer => {
    if (length > (options.maxReceive ?? Number.POSITIVE_INFINITY)) return { status: 413 }
    return receiver.answers.shift() ?? {}
  }
  const server =
    options.tls === undefined ? createServer(handle) : createSecureServer(options.tls, handle)
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const receiver: HttpReceiver = {
    endpoint: `${options.tls === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}`,
    port,
    requests: [],
    url: '',
    headers: {},
    count: 0,
    mostActive: 0,
    active: 0,
    answers: [],
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
  return receiver
}
