/** A YAML configuration file (YAML 1.2), with the place of every key. */
import { closeSync, openSync, readSync } from 'node:fs'
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import { ConfigError, type ConfigProblem } from './problems.ts'

/** Aliases that stand for lists of aliases of lists … grow beyond all bounds; no real file has so many. */
const MAX_ALIASES = 100_000

/** As much as a ConfigMap of Kubernetes can hold. */
const MAX_BYTES = 1024 * 1024
const TOO_LARGE = 'is larger than 1 MiB'
/** Values that lie deeper in others are refused, before they exhaust the stack. */
const MAX_DEPTH = 100
/** Characters of a line that are shown around a place. */
const SHOWN = 120

/** A key of a map, and its value. */
export interface Entry {
  readonly key: string
  readonly keyNode: Node
  readonly value: Node | null
}

/** A parsed YAML or JSON file whose values know their line and column. */
export class YamlFile {
  readonly #path: string
  readonly #text: readonly string[]
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed | undefined
  /** Then no line of the file is shown: a file that is wrong may have a secret anywhere. */
  readonly #mayHoldSecrets: boolean
  #aliases = 0
  #anchors: ReadonlyMap<string, readonly Node[]> | undefined

  /**
   * @param text of the file; it is read when that is left out.
   * @throws ConfigError when the file can't be read or isn't YAML.
   */
  constructor(path: string, text = readText(path)) {
    this.#path = path
    this.#text = text.split('\n')
    this.#mayHoldSecrets = SECRETS.test(text)
    // Further documents of the file are not looked at, as process-exporter does it.
    const options = {
      lineCounter: this.#lines,
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
    }
    const documents = parseAllDocuments(text, options)
    this.#document = Array.isArray(documents) ? documents[0] : undefined
    // Only the first: the parser's further errors are mostly consequences of it.
    const [error] = this.#document?.errors ?? []
    if (error !== undefined) {
      const { pos, code, message } = error
      const isAfterAlias = /(?:^|[\s[,])\*\S*\s*$/.test(
        text.slice(0, pos[0]).split('\n').at(-1) ?? '',
      )
      const meaning = isAfterAlias ? QUOTE_STAR : SYNTAX[code]
      // The parser quotes what it did not expect.
      const [words] = message.split(/: "/, 1)
      throw new ConfigError([this.problemAt(pos[0], meaning ?? `is not YAML: ${words}`)])
    }
  }

  /** The top of the document; null when the file is empty. */
  get root(): Node | null {
    return (this.#document?.contents as Node | null | undefined) ?? null
  }

  /**
   * The node that an alias refers to, or the node itself.
   *
   * @throws ConfigError when the alias refers to nothing, or to a node that contains it.
   */
  resolve(node: Node | null): Node | null {
    if (!isAlias(node) || this.#document === undefined) return node
    const refuse = (message: string) => new ConfigError([this.problem(node, message)])
    const anchored = this.#anchored(node)
    if (anchored === undefined) {
      const name = this.#mayHoldSecrets ? 'of that name' : `&${node.source}`
      throw refuse(`there is no anchor ${name}; ${QUOTE_STAR}`)
    }
    if (isWithin(node, anchored)) throw refuse(`*${node.source} is a part of itself`)
    if (++this.#aliases > MAX_ALIASES) throw refuse('there are too many aliases of aliases')
    return anchored
  }

  /** What a value is without its places: texts, numbers, lists, and maps whose empty values are ''. */
  plain(node: Node, depth = 0): unknown {
    if (isScalar(node)) return node.value
    this.#requireDepth(node, depth)
    if (isSeq(node)) {
      const items = node.items.map((item) => this.resolve(item as Node | null))
      return items.map((item) => (item === null ? null : this.plain(item, depth + 1)))
    }
    if (!isMap(node)) return node.toJSON()
    return Object.fromEntries(
      this.entries(node).map(({ key, value }) => [
        key,
        value === null ? '' : this.plain(value, depth + 1),
      ]),
    )
  }

  /** The entries of a map, merged ones (`<<`) first, so that of equal keys the last counts. */
  entries(map: YAMLMap, depth = 0): Entry[] {
    this.#requireDepth(map, depth)
    const merged: Entry[] = []
    const own: Entry[] = []
    for (const { key, value } of map.items) {
      const keyNode = key as Node
      const name = isScalar(keyNode) ? scalarText(keyNode) : ''
      const node = this.resolve(value as Node | null)
      if (name !== '<<') own.push({ key: name, keyNode, value: node })
      else
        for (const source of this.#sources(node)) {
          for (const entry of this.entries(source, depth + 1)) merged.push(entry)
        }
    }
    return [...merged, ...own]
  }

  line(node: Node): number {
    return this.#lines.linePos(node.range?.[0] ?? 0).line
  }

  problem(node: Node, message: string): ConfigProblem {
    return this.problemAt(node.range?.[0] ?? 0, message)
  }

  problemAt(offset: number, message: string): ConfigProblem {
    const { line, col } = this.#lines.linePos(offset)
    const source = `${this.#path}:${line}:${col}`
    if (this.#mayHoldSecrets) return { source, message }
    const { text, at } = around(this.#text[line - 1] ?? '', col - 1)
    return {
      source,
      message,
      excerpt: `    ${text}\n    ${text.slice(0, at).replace(/[^\t]/g, ' ')}^`,
    }
  }

  /** The last node of that anchor before the alias. */
  #anchored(alias: Alias): Node | undefined {
    this.#anchors ??= anchorsOf(this.#document as Document.Parsed)
    const [at = 0] = alias.range ?? []
    return this.#anchors.get(alias.source)?.findLast(({ range }) => (range?.[0] ?? 0) <= at)
  }

  #requireDepth(node: Node, depth: number): void {
    if (depth > MAX_DEPTH) throw new ConfigError([this.problem(node, TOO_DEEP)])
  }

  /** What `<<` takes in: a map, or a list of maps of which earlier ones count more. */
  #sources(node: Node | null): YAMLMap[] {
    const nodes = isSeq(node)
      ? node.items.map((item) => this.resolve(item as Node)).reverse()
      : [node]
    return nodes.filter((source) => isMap(source))
  }
}

/** Keys of files that configure exporters, or users of the web server. */
const SECRETS =
  /otlp|endpoint|header|auth|passw|token|secret|credential|bearer|basic|api.?key|private|:\/\/[^\s]*@/i

const TOO_DEEP = 'values are nested too deeply'
const QUOTE_STAR = `a text that begins with * must be quoted, such as '*.slice'`

/** What the parser's less telling errors mean. */
const SYNTAX: Readonly<Record<string, string>> = {
  RESOURCE_EXHAUSTION: TOO_DEEP,
  BAD_ALIAS: QUOTE_STAR,
  BAD_DQ_ESCAPE: `in double quotes \\ begins an escape; put regular expressions in single quotes, such as '\\d+'`,
  TAB_AS_INDENT: 'lines must be indented by blanks, not by tabs',
}

/** The part of a long line around a place, and where the place is in it. */
function around(line: string, at: number): { text: string; at: number } {
  if (line.length <= 2 * SHOWN) return { text: line, at }
  const start = Math.max(0, at - SHOWN)
  const end = Math.min(line.length, at + SHOWN)
  const before = start > 0 ? '…' : ''
  const text = before + line.slice(start, end) + (end < line.length ? '…' : '')
  return { text, at: before.length + at - start }
}

/** By name, in the order of the document; the library would look through all of it for each alias. */
function anchorsOf(document: Document.Parsed): ReadonlyMap<string, readonly Node[]> {
  const anchors = new Map<string, Node[]>()
  visit(document, {
    Value(_, node) {
      if (node.anchor === undefined) return
      const nodes = anchors.get(node.anchor) ?? []
      nodes.push(node as Node)
      anchors.set(node.anchor, nodes)
    },
  })
  return anchors
}

/** Anchors stand before their aliases, so only what an alias lies in can hold itself. */
function isWithin(alias: Node, anchored: Node): boolean {
  const [at = 0] = alias.range ?? []
  const [start = 0, end = 0] = anchored.range ?? []
  return start <= at && at < end
}

/** Whether the node is empty. */
export function isNull(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null)
}

/** The text of a scalar as written in the file: `0x10` or `yes` may be a program's name. */
export function scalarText(node: Scalar): string {
  if (node.value === null) return ''
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

/** @throws ConfigError when it can't be read, or is too large. */
function readText(path: string): string {
  const bytes = Buffer.allocUnsafe(MAX_BYTES + 1)
  let length = 0
  try {
    const descriptor = openSync(path, 'r')
    try {
      // Not the whole of it at once: a device may have no end.
      for (let count = -1; count !== 0 && length < bytes.length; length += count) {
        count = readSync(descriptor, bytes, length, bytes.length - length, null)
      }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const message = `can't be read: ${(error as NodeJS.ErrnoException).message}`
    throw new ConfigError([{ source: path, message }])
  }
  if (length > MAX_BYTES) throw new ConfigError([{ source: path, message: TOO_LARGE }])
  return bytes.toString('utf8', 0, length)
}
