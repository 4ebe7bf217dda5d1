/** Go's text/template, cut into tokens: text, and the actions between `{{` and `}}`. */
import { TemplateError } from './template-error.ts'

/** The kind of a token. */
export type TokenType =
  | 'text'
  | 'space'
  | 'string'
  | 'character'
  | 'number'
  | 'word'
  | 'field'
  | 'variable'
  /** `{{`, `}}`, `(`, `)`, `|`, `,`, `:=`, `=`, and `.` for the current value. */
  | 'mark'

/** A token of a template. */
export interface Token {
  readonly type: TokenType
  /** As it is written; of a field without the dot. */
  readonly text: string
  /** Offset in the template. */
  readonly at: number
}

const CLOSE = /(?:[ \t\r\n]-)?\}\}/y

/** What may end a name, for `$x+2` and the like mean nothing. */
const NAME_END = /(?=[ \t\r\n.,|:()]|\}\}|$)/.source

/** What an action is made of. A space that belongs to ` -}}` is left to it. */
const PATTERNS: readonly [TokenType, RegExp][] = [
  ['space', /[ \t\r\n]+?(?=[ \t\r\n]-\}\}|[^ \t\r\n])/y],
  ['string', /"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`/y],
  ['character', /'(?:[^'\\\n]|\\[^\n])*'/y],
  ['field', new RegExp(`\\.([\\p{L}_][\\p{L}\\p{Nd}_]*)${NAME_END}`, 'uy')],
  ['variable', new RegExp(`\\$[\\p{L}\\p{Nd}_]*${NAME_END}`, 'uy')],
  ['number', /[+-]?\.?\d(?:[\w.]|(?<=[eE])[+-])*/y],
  ['word', new RegExp(`[\\p{L}_][\\p{L}\\p{Nd}_]*${NAME_END}`, 'uy')],
  ['mark', /:=|[()|,=.]/y],
]

/**
 * Cuts a template into tokens.
 *
 * @throws TemplateError for an action without an end, or a sign that is not understood.
 */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  const addText = (text: string, at: number) => {
    if (text !== '') tokens.push({ type: 'text', text, at })
  }
  let at = 0
  for (let open = source.indexOf('{{'); open >= 0; open = source.indexOf('{{', at)) {
    const trimsBefore = /^-[ \t\r\n]/.test(source.slice(open + 2, open + 4))
    const text = source.slice(at, open)
    addText(trimsBefore ? text.replace(/[ \t\r\n]+$/, '') : text, at)
    const start = open + (trimsBefore ? 4 : 2)
    const end = source.startsWith('/*', start)
      ? endOfComment(source, start)
      : tokenizeAction(source, open, start, tokens)
    const trimsAfter = source[end - 3] === '-'
    at = trimsAfter ? end + (/[^ \t\r\n]|$/.exec(source.slice(end))?.index ?? 0) : end
  }
  addText(source.slice(at), at)
  return tokens
}

function endOfComment(source: string, start: number): number {
  const end = source.indexOf('*/', start + 2)
  if (end < 0) throw new TemplateError(start, 'a comment /* has no end */')
  const close = matchAt(CLOSE, source, end + 2)
  if (close === null) throw new TemplateError(end, 'a comment must end with its action: */}}')
  return end + 2 + close[0].length
}

/** @returns the offset behind the action. */
function tokenizeAction(source: string, open: number, start: number, tokens: Token[]): number {
  tokens.push({ type: 'mark', text: '{{', at: open })
  let at = start
  for (let close = matchAt(CLOSE, source, at); close === null; close = matchAt(CLOSE, source, at)) {
    if (source.slice(at).trim() === '') throw new TemplateError(open, 'an action {{ has no end }}')
    at = tokenizeNext(source, at, tokens)
  }
  const end = CLOSE.lastIndex
  tokens.push({ type: 'mark', text: '}}', at })
  return end
}

/** @returns the offset behind the token. */
function tokenizeNext(source: string, at: number, tokens: Token[]): number {
  for (const [type, pattern] of PATTERNS) {
    const match = matchAt(pattern, source, at)
    if (match !== null) {
      tokens.push({ type, text: match[1] ?? match[0], at })
      return pattern.lastIndex
    }
  }
  const found = JSON.stringify(source.slice(at, at + 10))
  const what = /["'`]/.test(source[at]) ? 'has no closing quote' : 'is not understood'
  throw new TemplateError(at, `${found} ${what}`)
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(source)
}
