/**
 * The CRI over gRPC, in four calls that change nothing. Access to the socket means control of the node,
 * so this client can't say more than these.
 */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import {
  type Image,
  type ListedContainer,
  type RuntimeVersion,
  readContainers,
  readImages,
  readSandboxes,
  readVersion,
  type Sandbox,
} from './messages.ts'

const RUNTIME = '/runtime.v1.RuntimeService/'
const IMAGES = '/runtime.v1.ImageService/'

/** Each takes an empty request. */
const CALLS = {
  Version: RUNTIME,
  ListPodSandbox: RUNTIME,
  ListContainers: RUNTIME,
  ListImages: IMAGES,
} as const

const DEADLINE = 10_000
/** A node with thousands of containers lists some megabytes. */
const MAX_ANSWER = 64 * 1024 * 1024

/** Calls the read-only methods of the CRI on one socket. */
export class CriClient {
  readonly #socket: string
  readonly #client: Client

  /** @param socket path of the runtime's socket. */
  constructor(socket: string) {
    this.#socket = socket
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_ANSWER,
      // The runtime may be restarted at any time; the default is to wait up to two minutes.
      'grpc.max_reconnect_backoff_ms': 5000,
      'grpc.service_config_disable_resolution': 1,
    })
  }

  /** All methods throw Error with the socket, the call and what came back. */
  version(signal: AbortSignal): Promise<RuntimeVersion> {
    return this.#call('Version', readVersion, signal)
  }

  sandboxes(signal: AbortSignal): Promise<Sandbox[]> {
    return this.#call('ListPodSandbox', readSandboxes, signal)
  }

  containers(signal: AbortSignal): Promise<ListedContainer[]> {
    return this.#call('ListContainers', readContainers, signal)
  }

  images(signal: AbortSignal): Promise<Image[]> {
    return this.#call('ListImages', readImages, signal)
  }

  close(): void {
    this.#client.close()
  }

  #call<T>(
    method: keyof typeof CALLS,
    read: (answer: Buffer) => T,
    signal: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        CALLS[method] + method,
        (empty: Buffer) => empty,
        read,
        Buffer.alloc(0),
        { deadline: Date.now() + DEADLINE },
        (error, answer) => {
          signal.removeEventListener('abort', cancel)
          if (error === null && answer !== undefined) resolve(answer)
          else reject(this.#describe(method, error))
        },
      )
      const cancel = () => call.cancel()
      signal.addEventListener('abort', cancel)
      if (signal.aborted) cancel()
    })
  }

  #describe(method: string, error: ServiceError | null): Error {
    const { code, details } = error ?? { code: undefined, details: 'no answer' }
    const hint = code === 12 ? '; does the runtime serve CRI v1, and is its CRI plugin on?' : ''
    const described = new Error(`${this.#socket}: ${method}: ${details} (gRPC ${code})${hint}`)
    return Object.assign(described, { code })
  }
}
