/** Takes the answer to a watch apart: one JSON object a line (meta/v1 `WatchEvent`). */
import { object, text } from './json.ts'
import { errorEvent, PeerError } from './peer-error.ts'

/** One event of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: unknown
  /** From where to watch on after this event. */
  readonly resourceVersion: string
}

const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])

/** Bytes of a pod in JSON: etcd takes 1.5 MiB by default, and JSON is longer than what is stored. */
export const MAX_POD = 8 * 1024 * 1024

const NEWLINE = 0x0a

/** Divides the bytes of a watch into events. */
export class WatchParser {
  readonly #url: string
  #rest: Buffer[] = []
  #length = 0

  constructor(url: string) {
    this.#url = url
  }

  /**
   * Events that are complete with this chunk. Half a line at the end of an answer is of an event that the
   * next watch gets again.
   *
   * @throws PeerError the error of an ERROR event; `garbage`, `too-large`.
   */
  *push(chunk: Buffer): Generator<WatchEvent, void, undefined> {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, end)]).toString('utf8')
      from = end + 1
      this.#rest = []
      this.#length = 0
      if (line.trim() !== '') yield this.#parse(line)
    }
    this.#length += chunk.length - from
    if (this.#length > MAX_POD) {
      throw new PeerError('too-large', `${this.#url} sent a line of more than ${MAX_POD} bytes`)
    }
    if (from < chunk.length) this.#rest.push(chunk.subarray(from))
  }

  #parse(line: string): WatchEvent {
    let event: { type?: unknown; object?: unknown }
    try {
      event = object(JSON.parse(line))
    } catch {
      // The parser's own words cite the text, in which there may be secrets.
      throw this.#garbage()
    }
    if (event.type === 'ERROR') throw errorEvent(this.#url, event.object)
    const resourceVersion = text(object(object(event.object).metadata).resourceVersion)
    if (!TYPES.has(event.type) || resourceVersion === undefined) throw this.#garbage()
    return { type: event.type as WatchEvent['type'], object: event.object, resourceVersion }
  }

  #garbage(): PeerError {
    return new PeerError('garbage', `${this.#url} sent a line that is not an event of a watch`)
  }
}
