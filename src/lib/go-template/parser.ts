/** Go's text/template, from tokens to a tree: texts, actions and branches. */
import { tokenize } from './lexer.ts'
import { unquote } from './literals.ts'
import { parsePipeline, type Scope } from './pipeline-parser.ts'
import { TemplateError } from './template-error.ts'
import { TokenReader } from './token-reader.ts'
import type { Branch, BranchType, Node, Pipeline, Tree } from './tree.ts'

/**
 * Parses a template.
 *
 * @throws TemplateError that says where it is wrong, and why.
 */
export function parse(source: string): Tree {
  return new Parser(new TokenReader(tokenize(source))).parse()
}

class Parser {
  readonly #tokens: TokenReader
  readonly #templates = new Map<string, readonly Node[]>()
  /** Every variable that may be used here. */
  #scope: Scope = ['$']

  constructor(tokens: TokenReader) {
    this.#tokens = tokens
  }

  parse(): Tree {
    const root: Node[] = []
    while (this.#tokens.peek() !== undefined) {
      if (this.#startsAction('define')) this.#define()
      else root.push(this.#node())
    }
    return { root, templates: this.#templates }
  }

  /** The nodes up to `{{end}}` or `{{else`, which is taken, too. */
  #nodes(owner: string): { nodes: Node[]; end: 'end' | 'else' } {
    const nodes: Node[] = []
    while (this.#tokens.peek() !== undefined) {
      if (this.#startsAction('else')) return { nodes, end: 'else' }
      if (this.#startsAction('end')) {
        this.#tokens.expect('}}')
        return { nodes, end: 'end' }
      }
      nodes.push(this.#node())
    }
    throw this.#tokens.unexpected(`{{${owner}}} has no {{end}}`)
  }

  /** Takes `{{` and the word if they come next. */
  #startsAction(word: string): boolean {
    const open = this.#tokens.peek()
    if (open === undefined || !this.#tokens.accept('{{')) return false
    this.#tokens.skipSpace()
    const isIt = this.#tokens.accept(word)
    if (!isIt) this.#tokens.backTo(open)
    return isIt
  }

  #node(): Node {
    const token = this.#tokens.peek()
    if (token?.type === 'text') {
      this.#tokens.next()
      return { type: 'text', text: token.text }
    }
    for (const type of ['if', 'range', 'with'] as const) {
      if (this.#startsAction(type)) return this.#branch(type)
    }
    if (this.#startsAction('template')) return this.#template()
    for (const word of ['end', 'else']) {
      if (this.#startsAction(word)) {
        throw new TemplateError(token?.at ?? 0, `{{${word}}} belongs to nothing`)
      }
    }
    this.#tokens.expect('{{')
    return { type: 'action', pipeline: this.#pipeline('action') }
  }

  #branch(type: BranchType): Branch {
    const outside = this.#scope.length
    const pipeline = this.#pipeline(type)
    const { nodes: body, end } = this.#nodes(type)
    const otherwise = end === 'else' ? this.#otherwise(type) : []
    this.#scope.length = outside
    return { type, pipeline, body, otherwise }
  }

  /** What follows `else`: another branch of the kind, whose end is the end of both, or nodes. */
  #otherwise(type: BranchType): Node[] {
    this.#tokens.skipSpace()
    if (type !== 'range' && this.#tokens.accept(type)) return [this.#branch(type)]
    this.#tokens.expect('}}')
    const { nodes, end } = this.#nodes(type)
    if (end !== 'end') throw this.#tokens.unexpected(`{{${type}}} has a second {{else}}`)
    return nodes
  }

  #define(): void {
    const { name, at } = this.#name()
    this.#tokens.expect('}}')
    const outside = this.#scope
    this.#scope = ['$']
    const { nodes, end } = this.#nodes('define')
    this.#scope = outside
    if (end !== 'end') throw this.#tokens.unexpected('{{define}} has no {{else}}')
    const before = this.#templates.get(name)
    if (before === undefined || isBlank(before)) this.#templates.set(name, nodes)
    else if (!isBlank(nodes)) throw new TemplateError(at, `template ${name} is defined twice`)
  }

  #template(): Node {
    const { name } = this.#name()
    const pipeline = this.#tokens.accept('}}') ? undefined : this.#pipeline('template')
    return { type: 'template', name, pipeline }
  }

  #name(): { name: string; at: number } {
    this.#tokens.skipSpace()
    const token = this.#tokens.peek()
    const name = token?.type === 'string' ? unquote(token.text) : undefined
    if (token === undefined || name === undefined) {
      throw this.#tokens.unexpected('the name of a template, in quotes, is missing')
    }
    this.#tokens.next()
    this.#tokens.skipSpace()
    return { name, at: token.at }
  }

  #pipeline(owner: BranchType | 'action' | 'template'): Pipeline {
    return parsePipeline(this.#tokens, this.#scope, owner === 'range' ? 2 : 1)
  }
}

/** A definition of nothing but white space gives way to another. */
function isBlank(nodes: readonly Node[]): boolean {
  return nodes.every((node) => node.type === 'text' && node.text.trim() === '')
}
