/** GET requests with a bearer token to a kubelet or an API server, the body as it comes. */
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { isIP } from 'node:net'
import { type Credentials, type Peer, readCredentials } from './credentials.ts'
import { PeerError, refusal, transportError } from './peer-error.ts'

/** Limits and callbacks of one request. */
export interface GetOptions {
  readonly signal: AbortSignal
  /** Milliseconds without a byte after which the connection is given up. */
  readonly silence: number
  /** Milliseconds for all of it. */
  readonly deadline?: number
  /** Bytes of the body. */
  readonly largest?: number
  /** Called when the answer begins with status 200, before its body. */
  readonly onOpen?: () => void
  /** What to do about a status code. */
  readonly hints?: Readonly<Record<number, string>>
}

const MAX_REFUSAL = 8192

/** A peer that vanished without a word is noticed by the kernel sooner than by its silence. */
const PROBE_AFTER = 30_000

/** Sends GET requests to one server. */
export class Client {
  /** For messages. */
  readonly address: string
  readonly #peer: Peer
  // A connection for each request: they are few, and one that was kept may be closed as it is used.
  readonly #agent = new Agent({ keepAlive: false })

  constructor(peer: Peer) {
    this.#peer = peer
    const { host, port } = peer
    this.address = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  }

  /**
   * The body of an answer with status 200, chunk by chunk. Leaving the loop ends the request.
   *
   * @throws PeerError without the token in it; the signal's reason when that aborts.
   */
  async *get(path: string, options: GetOptions): AsyncGenerator<Buffer, void, undefined> {
    const { signal, deadline, largest = Number.POSITIVE_INFINITY, hints = {} } = options
    const url = this.address + path.split('?', 1)[0]
    const late = new AbortController()
    const giveUp = () => {
      late.abort(new PeerError('timeout', `${url} took more than ${deadline} ms`))
    }
    const timer = deadline === undefined ? undefined : setTimeout(giveUp, deadline)
    const end = AbortSignal.any([signal, late.signal])
    try {
      const credentials = await readCredentials(this.#peer)
      end.throwIfAborted()
      const response = await this.#open(path, url, credentials, options.silence, end)
      const status = response.statusCode ?? 0
      if (status !== 200) {
        const body = await beginning(response)
        const { statusMessage = '', headers } = response
        const hint = hints[status]
        throw refusal({ url, status, statusMessage, headers, body, hint, token: credentials.token })
      }
      options.onOpen?.()
      let length = 0
      for await (const chunk of response as AsyncIterable<Buffer>) {
        length += chunk.length
        if (length > largest) {
          throw new PeerError('too-large', `${url} answered with more than ${largest} bytes`)
        }
        yield chunk
      }
    } catch (error) {
      if (end.aborted) throw end.reason
      throw error instanceof PeerError ? error : transportError(url, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy()
  }

  #open(
    path: string,
    url: string,
    { token, ca }: Credentials,
    silence: number,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { host, port, serverName, insecure = false } = this.#peer
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host,
        port,
        path,
        agent: this.#agent,
        timeout: silence,
        rejectUnauthorized: !insecure,
        headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
        ...(ca !== undefined && { ca }),
        ...(serverName !== undefined && { servername: serverName }),
      })
      let stream: { destroy(error: Error): unknown } = outgoing
      const abort = () => stream.destroy(signal.reason as Error)
      signal.addEventListener('abort', abort)
      outgoing.setSocketKeepAlive(true, PROBE_AFTER)
      outgoing.on('response', (response) => {
        stream = response
        // An error before the reader's loop begins is found by the loop; without this it would crash.
        response.on('error', () => {})
        resolve(response)
      })
      outgoing.on('timeout', () => {
        stream.destroy(new PeerError('stalled', `${url} sent nothing for ${silence} ms`))
      })
      outgoing.on('error', reject)
      outgoing.on('close', () => signal.removeEventListener('abort', abort))
      outgoing.end()
    })
  }
}

/** As much of a refusal as is worth reading; what breaks off is taken as it is. */
async function beginning(response: IncomingMessage): Promise<string> {
  let body = ''
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      body += chunk.toString('latin1')
      if (body.length > MAX_REFUSAL) break
    }
  } catch {
    // The status says enough.
  }
  return body.slice(0, MAX_REFUSAL)
}
