/** Answers that are compressed for clients that take it. */
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { constants, createGzip } from 'node:zlib'
import { piecesOf, type Reply, sizeOf } from './reply.ts'

/** Below this size compression saves no packet. */
const MIN_TO_COMPRESS = 1400

/**
 * A reply, compressed with gzip where the client accepts that and the text is long enough.
 *
 * @param headers besides those of compression.
 */
export async function compressed(
  request: IncomingMessage,
  contentType: string,
  body: Reply['body'],
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  if (sizeOf(body) < MIN_TO_COMPRESS || !acceptsGzip(request)) {
    return { status: 200, contentType, body, headers }
  }
  const gzip = createGzip({ level: constants.Z_BEST_SPEED })
  const zipped = await buffer(Readable.from(piecesOf(body), { objectMode: false }).pipe(gzip))
  return {
    status: 200,
    contentType,
    body: zipped,
    headers: { ...headers, 'Content-Encoding': 'gzip' },
  }
}

/** RFC 9110, section 12.5.3: `*` stands for the codings that are not named. */
function acceptsGzip(request: IncomingMessage): boolean {
  const accepted = String(request.headers['accept-encoding'] ?? '').toLowerCase()
  const weights = new Map(
    accepted.split(',').map((part): [string, number] => {
      const [coding, weight] = part.trim().split(/\s*;\s*q\s*=\s*/)
      return [coding, Number(weight ?? 1)]
    }),
  )
  const weight = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0
  return weight > 0
}
