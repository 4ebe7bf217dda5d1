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
   * @throws ConfigError when the alias stands for nothing.
   */
  resolve(node: Node | null): Node | null {
    if (!isAlias(node) || this.#document === undefined) return node
    const anchored = node.resolve(this.#document)
    if (anchored !== undefined) return anchored as Node
    throw new ConfigError([this.problem(node, `there is no anchor &${node.source}`)])
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
