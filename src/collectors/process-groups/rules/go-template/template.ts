/**
 * Templates in the language of Go's text/template, as far as names of groups need it: fields, variables,
 * pipelines, `if`, `range`, `with`, `define`, `template` and the functions.
 */
import { FUNCTIONS } from './functions.ts'
import {
  type Branch,
  type Command,
  type Node,
  type Operand,
  type Pipeline,
  parse,
  type Term,
  type Tree,
} from './parser.ts'
import {
  ExecutionError,
  isList,
  isMap,
  isTrue,
  printValue,
  sortedEntries,
  type Value,
} from './values.ts'

/** The fields of the value that a template is executed on; each is asked for when it is used. */
export type Fields = (name: string) => Value

export interface Template {
  /**
   * The output. An error while executing ends it there, as process-exporter has it: what came before stays.
   */
  execute(fields: Fields): string
}

/** @throws TemplateError */
export function compileTemplate(source: string): Template {
  const tree = parse(source)
  return { execute: (fields) => new Execution(tree).run(fields) }
}

/** What `.` may be: the fields of the process at first, values inside `range` and `with`. */
type Dot = Fields | Value

interface Variable {
  readonly name: string
  value: Dot
}

class Execution {
  readonly #tree: Tree
  /** The variables in scope, the innermost last. */
  #variables: Variable[] = []
  #output = ''

  constructor(tree: Tree) {
    this.#tree = tree
  }

  run(fields: Fields): string {
    try {
      this.#template(this.#tree.root, fields)
    } catch (error) {
      if (!(error instanceof ExecutionError)) throw error
    }
    return this.#output
  }

  /** Executes a template with variables of its own. */
  #template(nodes: readonly Node[], dot: Dot): void {
    const outer = this.#variables
    this.#variables = [{ name: '$', value: dot }]
    this.#nodes(nodes, dot)
    this.#variables = outer
  }

  /** What nodes declare ends with them. */
  #nodes(nodes: readonly Node[], dot: Dot): void {
    const scope = this.#variables.length
    for (const node of nodes) this.#node(node, dot)
    this.#variables.length = scope
  }

  #node(node: Node, dot: Dot): void {
    if (node.type === 'text') {
      this.#output += node.text
    } else if (node.type === 'action') {
      const value = this.#pipeline(node.pipeline, dot)
      if (node.pipeline.variables.length === 0) this.#output += printValue(plain(value))
    } else if (node.type === 'template') {
      const body = this.#tree.templates.get(node.name)
      if (body === undefined) throw new ExecutionError(`there is no template ${node.name}`)
      this.#template(body, node.pipeline && this.#pipeline(node.pipeline, dot))
    } else {
      const scope = this.#variables.length
      if (node.type === 'range') this.#range(node, dot)
      else this.#branch(node, dot)
      this.#variables.length = scope
    }
  }

  #branch({ type, pipeline, body, otherwise }: Branch, dot: Dot): void {
    const value = this.#pipeline(pipeline, dot)
    const isTaken = typeof value === 'function' || isTrue(value)
    this.#nodes(isTaken ? body : otherwise, type === 'with' && isTaken ? value : dot)
  }

  #range({ pipeline, body, otherwise }: Branch, dot: Dot): void {
    const { variables: names } = pipeline
    const entries = entriesOf(plain(this.#value(pipeline, dot)))
    if (entries.length === 0) this.#nodes(otherwise, dot)
    const scope = this.#variables.length
    for (const [key, value] of entries) {
      if (names.length === 2) this.#variables.push({ name: names[0], value: key })
      if (names.length > 0) this.#variables.push({ name: names[names.length - 1], value })
      this.#nodes(body, value)
      this.#variables.length = scope
    }
  }

  #pipeline(pipeline: Pipeline, dot: Dot): Dot {
    const value = this.#value(pipeline, dot)
    for (const name of pipeline.variables) {
      const known = this.#variables.findLast((variable) => variable.name === name)
      if (pipeline.declares || known === undefined) this.#variables.push({ name, value })
      else known.value = value
    }
    return value
  }

  /** The value of the last command; each gets the value of the one before as its last argument. */
  #value({ commands }: Pipeline, dot: Dot): Dot {
    const [first, ...rest] = commands
    return rest.reduce<Dot>(
      (value, command) => this.#command(command, [plain(value)], dot),
      this.#command(first, [], dot),
    )
  }

  #command([first, ...rest]: Command, piped: readonly Value[], dot: Dot): Dot {
    const args = [...rest.map((term) => plain(this.#term(term, [], dot))), ...piped]
    if (first.operand.type !== 'function') return this.#term(first, args, dot)
    return FUNCTIONS.get(first.operand.name)?.(...args)
  }

  /** @param args for the last field, if that is a method. */
  #term({ operand, fields }: Term, args: readonly Value[], dot: Dot): Dot {
    return fields.reduce<Dot>(
      (value, name, index) => field(value, name, index === fields.length - 1 ? args : []),
      this.#operand(operand, dot),
    )
  }

  #operand(operand: Operand, dot: Dot): Dot {
    switch (operand.type) {
      case 'dot':
        return dot
      case 'literal':
        return operand.value
      case 'variable':
        return this.#variables.findLast(({ name }) => name === operand.name)?.value
      case 'pipeline':
        return this.#pipeline(operand.pipeline, dot)
      case 'function':
        return FUNCTIONS.get(operand.name)?.()
    }
  }
}

function entriesOf(value: Value): [Value, Value][] {
  if (isList(value)) return value.map((entry, index) => [index, entry])
  if (isMap(value)) return sortedEntries(value)
  throw new ExecutionError('range needs a list or a map')
}

function field(value: Dot, name: string, args: readonly Value[]): Value {
  if (typeof value === 'function') return value(name)
  if (isMap(value)) return value.get(name)
  const found = typeof value === 'object' && 'get' in value ? value.get(name, args) : undefined
  if (found === undefined) throw new ExecutionError(`there is no field ${name}`)
  return found
}

function plain(value: Dot): Value {
  if (typeof value === 'function') throw new ExecutionError('a process is no value')
  return value
}
