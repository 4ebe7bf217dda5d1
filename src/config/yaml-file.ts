/** A YAML configuration file (YAML 1.2), with the place of every key. */
import { readFileSync } from 'node:fs'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { ConfigError, type ConfigProblem } from './problems.ts'

/** Aliases that stand for lists of aliases of lists … grow beyond all bounds; nobody writes so many. */
const MOST_ALIASES = 100_000

/** A key of a map, and its value. */
export interface Entry {
  readonly key: string
  readonly keyNode: Node
  readonly value: Node | null
}

export class YamlFile {
  readonly #path: string
  readonly #text: string
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed | undefined
  #aliases = 0

  /**
   * @param text of the file; it is read when that is left out.
   * @throws ConfigError when the file can't be read or isn't YAML.
   */
  constructor(path: string, text = readText(path)) {
    this.#path = path
    this.#text = text
    // Further documents of the file are not looked at, as process-exporter does it.
    const options = {
      lineCounter: this.#lines,
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
    }
    const documents = parseAllDocuments(this.#text, options)
    this.#document = Array.isArray(documents) ? documents[0] : undefined
    const errors = this.#document?.errors ?? []
    if (errors.length > 0) {
      throw new ConfigError(errors.map((error) => this.problemAt(error.pos[0], error.message)))
    }
  }

  /** The top of the document; null when the file is empty. */
  get root(): Node | null {
    return (this.#document?.contents as Node | null | undefined) ?? null
  }

  /**
   * The node that an alias stands for, or the node itself.
   *
   * @throws ConfigError when the alias stands for nothing, or for what it is a part of.
   */
  resolve(node: Node | null): Node | null {
    if (!isAlias(node) || this.#document === undefined) return node
    const refuse = (message: string) => new ConfigError([this.problem(node, message)])
    const anchored = node.resolve(this.#document) as Node | undefined
    if (anchored === undefined) throw refuse(`there is no anchor &${node.source}`)
    if (isWithin(node, anchored)) throw refuse(`*${node.source} is a part of itself`)
    if (++this.#aliases > MOST_ALIASES) throw refuse('there are too many aliases of aliases')
    return anchored
  }

  /** What a value is without its places: texts, numbers, lists, and maps whose empty values are ''. */
  plain(node: Node): unknown {
    if (isScalar(node)) return node.value
    if (isSeq(node)) {
      const items = node.items.map((item) => this.resolve(item as Node | null))
      return items.map((item) => (item === null ? null : this.plain(item)))
    }
    if (!isMap(node)) return node.toJSON()
    return Object.fromEntries(
      this.entries(node).map(({ key, value }) => [key, value === null ? '' : this.plain(value)]),
    )
  }

  /** The entries of a map, merged ones (`<<`) first, so that of equal keys the last counts. */
  entries(map: YAMLMap): Entry[] {
    const merged: Entry[] = []
    const own: Entry[] = []
    for (const { key, value } of map.items) {
      const keyNode = key as Node
      const name = isScalar(keyNode) ? scalarText(keyNode) : ''
      const node = this.resolve(value as Node | null)
      if (name !== '<<') own.push({ key: name, keyNode, value: node })
      else for (const source of this.#sources(node)) merged.push(...this.entries(source))
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
    const text = this.#text.split('\n')[line - 1] ?? ''
    return {
      source: `${this.#path}:${line}:${col}`,
      message,
      excerpt: `    ${text}\n    ${text.slice(0, col - 1).replace(/[^\t]/g, ' ')}^`,
    }
  }

  /** What `<<` takes in: a map, or a list of maps of which earlier ones count more. */
  #sources(node: Node | null): YAMLMap[] {
    const nodes = isSeq(node)
      ? node.items.map((item) => this.resolve(item as Node)).reverse()
      : [node]
    return nodes.filter((source) => isMap(source))
  }
}

/** Anchors stand before their aliases, so only what an alias lies in can hold itself. */
function isWithin(alias: Node, anchored: Node): boolean {
  const [at = 0] = alias.range ?? []
  const [start = 0, end = 0] = anchored.range ?? []
  return start <= at && at < end
}

/** Whether nothing stands there. */
export function isNull(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null)
}

/** The text of a scalar as it stands in the file, for `0x10` or `yes` may be a program's name. */
export function scalarText(node: Scalar): string {
  if (node.value === null) return ''
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError([
      { source: path, message: `can't be read: ${(error as NodeJS.ErrnoException).message}` },
    ])
  }
}
