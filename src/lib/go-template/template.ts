/**
 * Templates in the language of Go's text/template, as far as names of groups need it: fields, variables,
 * pipelines, `if`, `range`, `with`, `define`, `template` and the functions.
 */
import { Evaluation } from './evaluation.ts'
import { fieldsOf } from './fields.ts'
import { parse } from './parser.ts'
import type { Branch, Node, Pipeline, Tree } from './tree.ts'
import {
  ExecutionError,
  isList,
  isMap,
  isTrue,
  printValue,
  sortedEntries,
  type Value,
} from './values.ts'

/** A compiled template. */
export interface Template {
  /**
   * The output for `.` as given. An error while executing ends it there, as process-exporter has it: what came
   * before stays.
   */
  execute(dot: Value): string
  /** Names of the fields that the template asks of the value it is executed for. */
  readonly fields: ReadonlySet<string>
}

/**
 * Compiles a template.
 *
 * @throws TemplateError that says where it is wrong, and why.
 */
export function compileTemplate(source: string): Template {
  const { root, templates } = parse(source)
  return {
    fields: fieldsOf(root),
    execute(dot) {
      let output = ''
      const write = (text: string) => {
        output += text
      }
      try {
        new Execution(templates, write, dot, 0).run(root, dot)
      } catch (error) {
        if (!(error instanceof ExecutionError)) throw error
      }
      return output
    },
  }
}

/** How deep templates may call each other. */
const MAX_DEPTH = 100

/** One template on its way, with its variables. */
class Execution {
  readonly #templates: Tree['templates']
  readonly #write: (text: string) => void
  readonly #evaluation: Evaluation
  readonly #depth: number

  constructor(
    templates: Tree['templates'],
    write: (text: string) => void,
    dot: Value,
    depth: number,
  ) {
    this.#templates = templates
    this.#write = write
    this.#evaluation = new Evaluation(dot)
    this.#depth = depth
  }

  run(nodes: readonly Node[], dot: Value): void {
    for (const node of nodes) {
      if (node.type === 'text') this.#write(node.text)
      else if (node.type === 'action') this.#action(node.pipeline, dot)
      else if (node.type === 'template') this.#call(node.name, node.pipeline, dot)
      else this.#evaluation.scoped(() => this.#branch(node, dot))
    }
  }

  #action(pipeline: Pipeline, dot: Value): void {
    const value = this.#evaluation.pipeline(pipeline, dot)
    if (pipeline.variables.length === 0) this.#write(printValue(value))
  }

  #call(name: string, pipeline: Pipeline | undefined, dot: Value): void {
    const nodes = this.#templates.get(name)
    if (nodes === undefined) throw new ExecutionError(`there is no template ${name}`)
    if (this.#depth === MAX_DEPTH) throw new ExecutionError('templates call each other too deeply')
    const value = pipeline && this.#evaluation.pipeline(pipeline, dot)
    new Execution(this.#templates, this.#write, value, this.#depth + 1).run(nodes, value)
  }

  #branch({ type, pipeline, body, otherwise }: Branch, dot: Value): void {
    const value = this.#evaluation.pipeline(pipeline, dot)
    const entries = type === 'range' ? entriesOf(value) : undefined
    const isTaken = entries === undefined ? isTrue(value) : entries.length > 0
    if (!isTaken) this.run(otherwise, dot)
    else if (entries !== undefined) this.#range(pipeline.variables, entries, body)
    else this.run(body, type === 'with' ? value : dot)
  }

  #range(variables: readonly string[], entries: readonly Entry[], body: readonly Node[]): void {
    for (const [key, value] of entries) {
      const values = variables.length === 2 ? [key, value] : [value]
      for (const [index, name] of variables.entries()) {
        this.#evaluation.assign(name, values[index])
      }
      this.#evaluation.scoped(() => this.run(body, value))
    }
  }
}

type Entry = [key: Value, value: Value]

function entriesOf(collection: Value): Entry[] {
  if (collection === undefined) return []
  if (isList(collection)) return collection.map((value, index) => [BigInt(index), value])
  if (isMap(collection)) return sortedEntries(collection)
  throw new ExecutionError('range needs a list or a map')
}
