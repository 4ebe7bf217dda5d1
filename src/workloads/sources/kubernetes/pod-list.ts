/** Takes a PodList in JSON apart while it arrives, so that one pod at a time is in memory as a whole. */
import { array, object, text } from './json.ts'
import { PeerError } from './peer-error.ts'

export interface PodListOptions {
  /** For messages. */
  readonly url: string
  /** Called with each item, parsed. */
  readonly onItem: (item: unknown) => void
}

/** `metadata` of a list (meta/v1 `ListMeta`). */
export interface ListMetadata {
  readonly resourceVersion: string | undefined
  /** A token for the next page; undefined after the last one. */
  readonly next: string | undefined
}

/** Of a pod in JSON. etcd takes 1.5 MiB by default, and JSON is longer than what is stored. */
export const LARGEST_POD = 8 * 1024 * 1024

/** The end of what is before the array. */
const ITEMS = /"items"\s*:\s*$/
const LONGEST_ITEMS = 64

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SPACE = 0x20

/** The list's own depth is 1, that of the array of its items 2, that of each item 3. */
const IN_ITEMS = 2

export class PodListParser {
  readonly #options: PodListOptions
  #depth = 0
  #inString = false
  #isEscaped = false
  #inItems = false
  readonly #item: Part
  readonly #around: Part

  constructor(options: PodListOptions) {
    this.#options = options
    this.#item = new Part(options.url)
    this.#around = new Part(options.url)
  }

  /**
   * The next bytes; the chunk must not change afterwards.
   *
   * @throws PeerError `garbage`, `too-large`; what `onItem` throws.
   */
  push(chunk: Buffer): void {
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) this.#inString = false
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (this.#isBetweenItems) from = at
        this.#depth++
        if (byte === OPEN_ARRAY && this.#depth === IN_ITEMS && this.#isItems(chunk, from, at)) {
          this.#around.add(chunk.subarray(from, at + 1))
          this.#inItems = true
        }
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (this.#isBetweenItems) {
          this.#inItems = false
          from = at
        }
        this.#depth--
        if (this.#isBetweenItems) {
          this.#item.add(chunk.subarray(from, at + 1))
          this.#options.onItem(this.#item.parse())
        }
      } else if (this.#isBetweenItems) {
        if (byte !== COMMA && byte > SPACE) throw this.#around.garbage()
      } else if (byte === QUOTE) {
        this.#inString = true
      }
    }
    if (!this.#isBetweenItems) {
      const part = this.#inItems ? this.#item : this.#around
      part.add(chunk.subarray(from))
    }
  }

  /**
   * After the last byte.
   *
   * @throws PeerError `garbage` when that was not a whole PodList.
   */
  end(): ListMetadata {
    if (this.#depth !== 0) throw new PeerError('cut', `${this.#options.url} broke the list off`)
    const list = object(this.#around.parse())
    // A kubelet without pods says null.
    const isList = list.kind === 'PodList' && (list.items === null || Array.isArray(list.items))
    if (!isList || array(list.items).length > 0) throw this.#around.garbage()
    const { resourceVersion, continue: next } = object(list.metadata)
    return { resourceVersion: text(resourceVersion), next: text(next) }
  }

  get #isBetweenItems(): boolean {
    return this.#inItems && this.#depth === IN_ITEMS
  }

  #isItems(chunk: Buffer, from: number, at: number): boolean {
    return !this.#inItems && ITEMS.test(this.#around.tail(chunk.subarray(from, at), LONGEST_ITEMS))
  }
}

/** Bytes of one JSON value, in the pieces that they came in. */
class Part {
  readonly #url: string
  #pieces: Buffer[] = []
  #length = 0

  constructor(url: string) {
    this.#url = url
  }

  add(piece: Buffer): void {
    this.#length += piece.length
    if (this.#length > LARGEST_POD) {
      throw new PeerError(
        'too-large',
        `${this.#url} sent an object of more than ${LARGEST_POD} bytes`,
      )
    }
    this.#pieces.push(piece)
  }

  /** The last bytes of what there is and a piece more. */
  tail(piece: Buffer, length: number): string {
    if (piece.length >= length || this.#length === 0) {
      return piece.subarray(-length).toString('latin1')
    }
    return Buffer.concat([...this.#pieces, piece])
      .subarray(-length)
      .toString('latin1')
  }

  /** The value; the next one begins with nothing. */
  parse(): unknown {
    const json = Buffer.concat(this.#pieces).toString('utf8')
    this.#pieces = []
    this.#length = 0
    try {
      return JSON.parse(json)
    } catch {
      // The parser's own words cite the text, in which there may be secrets.
      throw this.garbage()
    }
  }

  garbage(): PeerError {
    return new PeerError('garbage', `${this.#url} answered something that is not a list of pods`)
  }
}
