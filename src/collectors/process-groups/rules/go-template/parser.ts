/** Go's text/template, from tokens to a tree. */
import { FUNCTIONS } from './functions.ts'
import { type Token, tokenize } from './lexer.ts'
import { TemplateError } from './template-error.ts'

export type Operand =
  | { readonly type: 'dot' }
  | { readonly type: 'literal'; readonly value: string | number | boolean | undefined }
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'function'; readonly name: string }
  | { readonly type: 'pipeline'; readonly pipeline: Pipeline }

/** An operand with the fields behind it. */
export interface Term {
  readonly operand: Operand
  readonly fields: readonly string[]
}

/** A term, and what it is called with. */
export type Command = readonly Term[]

export interface Pipeline {
  /** Variables that take the value; two in a `range`. */
  readonly variables: readonly string[]
  readonly declares: boolean
  readonly commands: readonly Command[]
}

export interface Branch {
  readonly type: 'if' | 'range' | 'with'
  readonly pipeline: Pipeline
  readonly body: readonly Node[]
  readonly otherwise: readonly Node[]
}

export type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'action'; readonly pipeline: Pipeline }
  | { readonly type: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined }
  | Branch

export interface Tree {
  readonly root: readonly Node[]
  /** What `define` named. */
  readonly templates: ReadonlyMap<string, readonly Node[]>
}

/** @throws TemplateError */
export function parse(source: string): Tree {
  const parser = new Parser(tokenize(source))
  const { nodes, end } = parser.nodes()
  if (end !== undefined) throw new TemplateError(`{{${end}}} closes nothing`)
  return { root: nodes, templates: parser.templates }
}

class Parser {
  readonly templates = new Map<string, readonly Node[]>()
  readonly #tokens: readonly Token[]
  #at = 0
  /** The variables that may be used here. */
  #variables = ['$']

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  /** Nodes up to the `end` or `else` that belongs to something before them, or up to the end. */
  nodes(): { nodes: Node[]; end: 'end' | 'else' | undefined } {
    const nodes: Node[] = []
    for (let token = this.#next(); token !== undefined; token = this.#next()) {
      if (token.type === 'text') {
        nodes.push(token)
        continue
      }
      const word = this.#peekWord()
      if (word === 'end' || word === 'else') {
        this.#next()
        if (word === 'end') this.#expect('}}')
        return { nodes, end: word }
      }
      const node = this.#action(word)
      if (node !== undefined) nodes.push(node)
    }
    return { nodes, end: undefined }
  }

  #action(word: string | undefined): Node | undefined {
    switch (word) {
      case 'if':
      case 'range':
      case 'with':
        this.#next()
        return this.#branch(word)
      case 'define':
        this.#next()
        this.#define()
        return undefined
      case 'template': {
        this.#next()
        const name = this.#name()
        const pipeline = this.#isMark('}}') ? undefined : this.#pipeline()
        this.#expect('}}')
        return { type: 'template', name, pipeline }
      }
      default: {
        const pipeline = this.#pipeline()
        this.#expect('}}')
        return { type: 'action', pipeline }
      }
    }
  }

  #branch(type: 'if' | 'range' | 'with'): Node {
    const scope = this.#variables.length
    const pipeline = this.#pipeline()
    this.#expect('}}')
    const { nodes: body, end } = this.nodes()
    let otherwise: Node[] = []
    if (end === 'else') otherwise = this.#otherwise(type)
    else if (end === undefined) throw new TemplateError(`{{${type}}} has no {{end}}`)
    this.#variables.length = scope
    return { type, pipeline, body, otherwise }
  }

  /** What follows `else`: another branch, which ends both, or nodes. */
  #otherwise(type: 'if' | 'range' | 'with'): Node[] {
    this.#skipSpace()
    if (type !== 'range' && this.#peekWord() === type) {
      this.#next()
      return [this.#branch(type)]
    }
    this.#expect('}}')
    const { nodes, end } = this.nodes()
    if (end !== 'end') throw new TemplateError(`{{${type}}} has no {{end}}`)
    return nodes
  }

  #define(): void {
    const name = this.#name()
    this.#expect('}}')
    const outer = this.#variables
    this.#variables = ['$']
    const { nodes, end } = this.nodes()
    this.#variables = outer
    if (end !== 'end') throw new TemplateError('{{define}} has no {{end}}')
    this.templates.set(name, nodes)
  }

  #name(): string {
    this.#skipSpace()
    const token = this.#next()
    if (token?.type !== 'string') throw new TemplateError('a template needs a name in quotes')
    this.#skipSpace()
    return token.text
  }

  #pipeline(): Pipeline {
    this.#skipSpace()
    const { variables, declares } = this.#targets()
    const commands: Command[] = []
    do commands.push(this.#command())
    while (this.#accept('|'))
    if (declares) this.#variables.push(...variables)
    return { variables, declares, commands }
  }

  /** `$x :=`, `$x =`, or `$i, $x :=`. */
  #targets(): { variables: string[]; declares: boolean } {
    const start = this.#at
    const variables: string[] = []
    do {
      this.#skipSpace()
      const token = this.#next()
      if (token?.type !== 'variable') break
      variables.push(token.text)
      this.#skipSpace()
      if (this.#accept(':=')) return { variables, declares: true }
      if (this.#accept('=')) return { variables, declares: false }
    } while (variables.length < 2 && this.#accept(','))
    this.#at = start
    return { variables: [], declares: false }
  }

  #command(): Command {
    const terms: Term[] = []
    for (this.#skipSpace(); !this.#isEndOfCommand(); this.#skipSpace()) terms.push(this.#term())
    if (terms.length === 0) throw new TemplateError('a value is missing')
    return terms
  }

  #term(): Term {
    const token = this.#next()
    const fields: string[] = []
    let operand: Operand
    if (token?.type === 'field') {
      operand = { type: 'dot' }
      fields.push(token.text)
    } else {
      operand = this.#operand(token)
    }
    for (let next = this.#peek(); next?.type === 'field'; next = this.#peek()) {
      fields.push(next.text)
      this.#at++
    }
    return { operand, fields }
  }

  #operand(token: Token | undefined): Operand {
    if (token?.type === 'string') return { type: 'literal', value: token.text }
    if (token?.type === 'number') return { type: 'literal', value: token.value }
    if (token?.type === 'variable') {
      if (!this.#variables.includes(token.text))
        throw new TemplateError(`${token.text} is not defined`)
      return { type: 'variable', name: token.text }
    }
    if (token?.type === 'word') return wordOperand(token.text)
    if (token?.type === 'mark' && token.text === '.') return { type: 'dot' }
    if (token?.type === 'mark' && token.text === '(') {
      const pipeline = this.#pipeline()
      this.#expect(')')
      return { type: 'pipeline', pipeline }
    }
    throw new TemplateError(`a value is missing before ${JSON.stringify(markText(token))}`)
  }

  #isEndOfCommand(): boolean {
    return this.#peek() === undefined || ['}}', ')', '|'].some((mark) => this.#isMark(mark))
  }

  #isMark(text: string): boolean {
    const token = this.#peek()
    return token?.type === 'mark' && token.text === text
  }

  #accept(text: string): boolean {
    if (!this.#isMark(text)) return false
    this.#at++
    return true
  }

  #expect(text: string): void {
    this.#skipSpace()
    if (!this.#accept(text)) {
      throw new TemplateError(`${text} is missing before ${JSON.stringify(markText(this.#peek()))}`)
    }
  }

  #skipSpace(): void {
    while (this.#peek()?.type === 'space') this.#at++
  }

  #peekWord(): string | undefined {
    const token = this.#peek()
    return token?.type === 'word' ? token.text : undefined
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++]
  }
}

function wordOperand(text: string): Operand {
  if (text === 'true' || text === 'false') return { type: 'literal', value: text === 'true' }
  if (text === 'nil') return { type: 'literal', value: undefined }
  if (FUNCTIONS.has(text)) return { type: 'function', name: text }
  const known = [...FUNCTIONS.keys()].join(' ')
  throw new TemplateError(`there is no function ${text}; there are ${known}`)
}

function markText(token: Token | undefined): string {
  return token !== undefined && 'text' in token ? token.text : ''
}
