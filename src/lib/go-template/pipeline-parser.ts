/** Parser of an action of Go's text/template: `$variable := command operand … | command …`. */
import { FUNCTIONS } from './functions.ts'
import type { Token } from './lexer.ts'
import { parseCharacter, parseNumber, unquote } from './literals.ts'
import { TemplateError } from './template-error.ts'
import type { TokenReader } from './token-reader.ts'
import type { Command, Operand, Pipeline, Term } from './tree.ts'
import type { Value } from './values.ts'

/** Names of the variables that may be used, `$` among them. Grows by those that are declared. */
export type Scope = string[]

/**
 * Takes what is before the closing mark, and the mark.
 * @param variables how many may take the value.
 * @throws TemplateError
 */
export function parsePipeline(
  tokens: TokenReader,
  scope: Scope,
  variables: 1 | 2,
  close: '}}' | ')' = '}}',
): Pipeline {
  const targets = parseTargets(tokens, variables)
  scope.push(...targets.variables)
  const commands: Command[] = []
  for (tokens.skipSpace(); !tokens.accept(close); tokens.skipSpace()) {
    const start = tokens.peek()
    const command = parseCommand(tokens, scope)
    const { type } = command[0].operand
    if (commands.length > 0 && command[0].fields.length === 0 && PASSIVE.has(type)) {
      throw new TemplateError(start?.at ?? 0, 'what follows | must be a function or a method')
    }
    commands.push(command)
  }
  if (commands.length === 0) throw tokens.unexpected(`a value is missing in ${close}`)
  return { ...targets, commands }
}

/** Operands that can't take a value from a pipe. */
const PASSIVE = new Set<Operand['type']>(['dot', 'literal'])

/** `$x :=`, `$x =`, or `$i, $x :=`; nothing is taken when none of them comes next. */
function parseTargets(tokens: TokenReader, most: 1 | 2): Pick<Pipeline, 'variables' | 'declares'> {
  tokens.skipSpace()
  const start = tokens.peek()
  const variables: string[] = []
  while (tokens.peek()?.type === 'variable') {
    variables.push(tokens.next().text)
    tokens.skipSpace()
    if (tokens.accept(':=')) return { variables, declares: true }
    if (tokens.accept('=')) return { variables, declares: false }
    if (variables.length === most || !tokens.accept(',')) break
    tokens.skipSpace()
  }
  if (start !== undefined) tokens.backTo(start)
  return { variables: [], declares: false }
}

function parseCommand(tokens: TokenReader, scope: Scope): Command {
  const terms: Term[] = []
  do {
    tokens.skipSpace()
    if (isEndOfCommand(tokens)) break
    terms.push(parseTerm(tokens, scope))
  } while (tokens.peek()?.type === 'space')
  if (terms.length === 0) throw tokens.unexpected('a value is missing')
  if (!tokens.accept('|') && !isEndOfCommand(tokens)) throw tokens.unexpected('a space is missing')
  return terms
}

function isEndOfCommand(tokens: TokenReader): boolean {
  return tokens.is('|') || tokens.is('}}') || tokens.is(')')
}

function parseTerm(tokens: TokenReader, scope: Scope): Term {
  const isField = tokens.peek()?.type === 'field'
  const operand: Operand = isField ? { type: 'dot' } : parseOperand(tokens, scope)
  const takesFields = isField || !PASSIVE.has(operand.type)
  const fields: string[] = []
  for (let next = tokens.peek(); next?.type === 'field'; next = tokens.peek()) {
    if (!takesFields) throw tokens.unexpected('there is nothing that has fields')
    fields.push(next.text)
    tokens.next()
  }
  return { operand, fields }
}

function parseOperand(tokens: TokenReader, scope: Scope): Operand {
  const token = tokens.next()
  switch (token.type) {
    case 'string':
      return literal(token, unquote(token.text))
    case 'character':
      return literal(token, parseCharacter(token.text))
    case 'number':
      return literal(token, parseNumber(token.text))
    case 'word':
      return wordOperand(token)
    case 'variable':
      if (scope.includes(token.text)) return { type: 'variable', name: token.text }
      throw new TemplateError(token.at, `${token.text} is not defined`)
  }
  if (token.text === '.') return { type: 'dot' }
  if (token.text === '(') {
    return { type: 'pipeline', pipeline: parsePipeline(tokens, scope, 1, ')') }
  }
  throw new TemplateError(token.at, `a value is missing before ${token.text}`)
}

function literal({ at, text }: Token, value: Value): Operand {
  if (value === undefined) throw new TemplateError(at, `${text} is no value, or too large`)
  return { type: 'literal', value }
}

function wordOperand({ at, text }: Token): Operand {
  if (text === 'true' || text === 'false') return { type: 'literal', value: text === 'true' }
  if (text === 'nil') return { type: 'literal', value: undefined }
  if (FUNCTIONS.has(text)) return { type: 'function', name: text }
  const known = [...FUNCTIONS.keys()].join(' ')
  throw new TemplateError(at, `there is no function ${text}; there are ${known}`)
}
