/** Pipelines of Go's text/template, evaluated: variables, fields, methods and functions. */
import { FUNCTIONS } from './functions.ts'
import type { Command, Operand, Pipeline, Term } from './tree.ts'
import { ExecutionError, isMap, isObject, typeName, type Value } from './values.ts'

/** What is evaluated within one template, with the variables that are there at the moment. */
export class Evaluation {
  /** Later ones hide earlier ones of the same name. */
  readonly #variables: [name: string, value: Value][]

  /** @param dot what `$` stands for. */
  constructor(dot: Value) {
    this.#variables = [['$', dot]]
  }

  /** Runs something, and forgets the variables that it has declared. */
  scoped(run: () => void): void {
    const outside = this.#variables.length
    run()
    this.#variables.length = outside
  }

  /** @throws ExecutionError */
  assign(name: string, value: Value): void {
    this.#variable(name)[1] = value
  }

  /** @throws ExecutionError */
  pipeline({ commands, variables, declares }: Pipeline, dot: Value): Value {
    const value = commands.reduce<Value[]>(
      (piped, command) => [this.#command(command, piped, dot)],
      [],
    )[0]
    for (const name of variables) {
      if (declares) this.#variables.push([name, value])
      else this.assign(name, value)
    }
    return value
  }

  /** @param piped the value of the command before it, if there is one. */
  #command([first, ...rest]: Command, piped: readonly Value[], dot: Value): Value {
    const { operand, fields } = first
    if (operand.type === 'function' && fields.length === 0) {
      return this.#call(operand.name, rest, piped, dot)
    }
    if (fields.length > 0) {
      const args = [...rest.map((term) => this.#term(term, dot)), ...piped]
      return this.#fields(first, args, dot)
    }
    if (rest.length + piped.length > 0) throw new ExecutionError('only a function takes arguments')
    if (operand.type === 'literal' && operand.value === undefined) {
      throw new ExecutionError('nil is no command')
    }
    return this.#operand(operand, dot)
  }

  #call(name: string, terms: readonly Term[], piped: readonly Value[], dot: Value): Value {
    const found = FUNCTIONS.get(name)
    const count = terms.length + piped.length
    if (found === undefined || count < found.least || count > found.most) {
      throw new ExecutionError(`${name} does not take ${count} arguments`)
    }
    const args: Value[] = []
    for (const term of terms) {
      const arg = this.#term(term, dot)
      if (found.settles?.(arg)) return arg
      args.push(arg)
    }
    return found.call(...args, ...piped)
  }

  #term(term: Term, dot: Value): Value {
    return this.#fields(term, [], dot)
  }

  /** @param args for the last field, if that is a method. */
  #fields({ operand, fields }: Term, args: readonly Value[], dot: Value): Value {
    return fields.reduce(
      (value, name, index) => fieldOf(value, name, index === fields.length - 1 ? args : []),
      this.#operand(operand, dot),
    )
  }

  #operand(operand: Operand, dot: Value): Value {
    switch (operand.type) {
      case 'dot':
        return dot
      case 'literal':
        return operand.value
      case 'variable':
        return this.#variable(operand.name)[1]
      case 'pipeline':
        return this.pipeline(operand.pipeline, dot)
      case 'function':
        return this.#call(operand.name, [], [], dot)
    }
  }

  #variable(name: string): [name: string, value: Value] {
    const variable = this.#variables.findLast(([candidate]) => candidate === name)
    if (variable === undefined) throw new ExecutionError(`${name} has no value yet`)
    return variable
  }
}

function fieldOf(value: Value, name: string, args: readonly Value[]): Value {
  if (value === undefined) return undefined
  if (isObject(value)) return value.get(name, args)
  if (!isMap(value)) throw new ExecutionError(`${typeName(value)} has no field ${name}`)
  if (args.length > 0) throw new ExecutionError(`${name} takes no arguments`)
  return value.get(name)
}
