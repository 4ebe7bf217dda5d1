/** A section of a web configuration file: its keys, read with their types, and what is wrong with them. */
import { isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml'
import { type ConfigProblem, suggestion } from '../problems.ts'
import { isNull, scalarText, type YamlFile } from '../yaml-file.ts'

const TRUE = /^(?:y|Y|[Yy]es|YES|[Oo]n|ON|[Tt]rue|TRUE)$/
const FALSE = /^(?:n|N|[Nn]o|NO|[Oo]ff|OFF|[Ff]alse|FALSE)$/

interface Place {
  readonly keyNode: Node
  /** Undefined for an empty value, as if the key were absent. */
  readonly value: Node | undefined
}

/** A section of the file; reading a wrong value adds a problem. */
export class Section {
  readonly #file: YamlFile
  readonly #problems: ConfigProblem[]
  readonly #name: string
  readonly #node: Node | null
  readonly #places = new Map<string, Place>()

  /** @param known the allowed keys; undefined for any. */
  constructor(
    file: YamlFile,
    problems: ConfigProblem[],
    name: string,
    node: Node | null,
    known: readonly string[] | undefined,
  ) {
    this.#file = file
    this.#problems = problems
    this.#name = name
    this.#node = node
    if (isMap(node)) this.#read(node, known)
    else if (!isNull(node)) problems.push(file.problem(node as Node, `${name} must be a map`))
  }

  /** The keys that are there, with a value or without. */
  get keys(): string[] {
    return [...this.#places.keys()]
  }

  has(key: string): boolean {
    return this.#places.get(key)?.value !== undefined
  }

  /** A section of this one. */
  section(key: string, known?: readonly string[]): Section {
    const node = this.#places.get(key)?.value ?? null
    return new Section(this.#file, this.#problems, key, node, known)
  }

  /** A text; undefined when it is absent. */
  text(key: string): string | undefined {
    const scalar = this.#scalar(key, 'must be a text')
    return scalar === undefined ? undefined : scalarText(scalar)
  }

  /** In the words of YAML 1.1 too, as exporters take them. */
  flag(key: string): boolean | undefined {
    const scalar = this.#scalar(key, 'must be true or false')
    if (scalar === undefined) return undefined
    const word = scalarText(scalar)
    if (TRUE.test(word)) return true
    if (!FALSE.test(word)) this.problem(key, `${key} must be true or false`)
    return false
  }

  integer(key: string): number | undefined {
    const value = this.#scalar(key, 'must be a whole number')?.value
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined
    this.problem(key, `${key} must be a whole number`)
    return undefined
  }

  /** The value of a word in a table. */
  word<T>(key: string, meanings: Readonly<Record<string, T>>): T | undefined {
    const text = this.text(key)
    return text === undefined ? undefined : this.#meaning(key, text, meanings)
  }

  /** What the words of a list stand for in a table; undefined when there is no list. */
  words<T>(key: string, meanings: Readonly<Record<string, T>>): T[] | undefined {
    return this.texts(key)
      ?.map((text) => this.#meaning(key, text, meanings))
      .filter((meaning) => meaning !== undefined)
  }

  /** A list of texts. */
  texts(key: string): string[] | undefined {
    const node = this.#places.get(key)?.value
    if (node === undefined) return undefined
    const items = isSeq(node) ? node.items.map((item) => this.#file.resolve(item as Node)) : []
    if (isSeq(node) && items.every((item) => isScalar(item))) return items.map(scalarText)
    this.problem(key, `${key} must be a list of texts`)
    return undefined
  }

  /** Notes what is wrong with the value of a key; with a key that is absent, with the section. */
  problem(key: string, message: string): void {
    const place = this.#places.get(key)
    const node = place?.value ?? place?.keyNode ?? this.#node
    if (node !== null) this.#problems.push(this.#file.problem(node, message))
  }

  #read(map: YAMLMap, known: readonly string[] | undefined): void {
    const written = new Set<string>()
    for (const { key: node } of map.items) {
      const name = isScalar(node) ? scalarText(node) : ''
      if (written.has(name)) this.#wrong(node as Node, `${name} is there twice`)
      written.add(name)
    }
    for (const { key, keyNode, value } of this.#file.entries(map)) {
      if (known?.includes(key) ?? true) {
        const isEmpty = isNull(value) || (isScalar(value) && value.value === '')
        this.#places.set(key, { keyNode, value: isEmpty ? undefined : (value as Node) })
      } else {
        const hint = suggestion(key, known ?? [])
        this.#wrong(keyNode, `unknown key ${JSON.stringify(key)} in ${this.#name}${hint}`)
      }
    }
  }

  #wrong(node: Node, message: string): void {
    this.#problems.push(this.#file.problem(node, message))
  }

  #scalar(key: string, expected: string): Scalar | undefined {
    const value = this.#places.get(key)?.value
    if (value === undefined || isScalar(value)) return value
    this.problem(key, `${key} ${expected}`)
    return undefined
  }

  #meaning<T>(key: string, text: string, meanings: Readonly<Record<string, T>>): T | undefined {
    if (Object.hasOwn(meanings, text)) return meanings[text]
    const words = Object.keys(meanings)
    const hint = suggestion(text, words)
    this.problem(key, `${key}: ${JSON.stringify(text)} is none of ${words.join(', ')}${hint}`)
    return undefined
  }
}
