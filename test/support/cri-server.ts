/** A container runtime with given answers: a gRPC server on a real socket, which answers in bytes. */
import { Server, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js'

/** A field of protobuf's wire format: a number, or a text or message. */
export function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  const bytes = Buffer.from(value as string)
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt(value)
  do {
    bytes.push(Number(rest % 128n) + (rest > 127n ? 128 : 0))
    rest /= 128n
  } while (rest > 0n)
  return Buffer.from(bytes)
}

export const message = (...fields: Buffer[]) => Buffer.concat(fields)
/** An entry of a map from text to text. */
export const entry = (key: string, value: string) => message(field(1, key), field(2, value))

const METHODS = ['Version', 'ListPodSandbox', 'ListContainers', 'ListImages'] as const

export type CriAnswers = Partial<Record<(typeof METHODS)[number], Buffer | status>>

/**
 * Serves the answers.
 *
 * @returns the server, and the methods that were called so far.
 */
export async function startCriServer(
  socket: string,
  answers: CriAnswers,
): Promise<{ server: Server; called: string[] }> {
  const server = new Server()
  const called: string[] = []
  const method = (name: string) => ({
    path: `/runtime.v1.${name === 'ListImages' ? 'ImageService' : 'RuntimeService'}/${name}`,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  })
  server.addService(
    Object.fromEntries(METHODS.map((name) => [name, method(name)])),
    Object.fromEntries(
      METHODS.map((name) => [
        name,
        (_: unknown, answer: sendUnaryData<Buffer>) => {
          called.push(name)
          const given = answers[name]
          if (given === undefined || typeof given === 'number') {
            answer({ code: given ?? status.UNIMPLEMENTED, details: 'unknown service' })
          } else {
            answer(null, given)
          }
        },
      ]),
    ),
  )
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  )
  return { server, called }
}
