/** Go's text/template, cut into tokens: text, and what stands between `{{` and `}}`. */
import { TemplateError } from './template-error.ts'

export type Token =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'field' | 'variable' | 'word'; readonly text: string }
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'number'; readonly value: number }
  /** `(`, `)`, `|`, `,`, `:=`, `=`, `.` for the current value, and the ends of actions. */
  | { readonly type: 'mark'; readonly text: string }
  | { readonly type: 'space' }

/** An action, or a text between two. */
const ACTION =
  /\{\{(- )?((?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[\s\S]*?\*\/|(?!\}\})[\s\S])*?)( -)?\}\}/g

const PATTERNS: readonly [RegExp, (match: RegExpExecArray) => Token][] = [
  [/\s+/y, () => ({ type: 'space' })],
  [/"((?:[^"\\\n]|\\.)*)"/y, ([text]) => ({ type: 'string', text: unquote(text) })],
  [/`([^`]*)`/y, (match) => ({ type: 'string', text: match[1] as string })],
  [/\.([A-Za-z_][A-Za-z0-9_]*)/y, (match) => ({ type: 'field', text: match[1] as string })],
  [/\$[A-Za-z0-9_]*/y, ([text]) => ({ type: 'variable', text })],
  [
    /[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y,
    ([text]) => ({ type: 'number', value: Number(text) }),
  ],
  [/[A-Za-z_][A-Za-z0-9_]*/y, ([text]) => ({ type: 'word', text })],
  [/:=|[()|,=.]/y, ([text]) => ({ type: 'mark', text })],
]

/** @throws TemplateError */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  let end = 0
  let trimsLeft = false
  const addText = (text: string, trimsRight: boolean) => {
    if (text.includes('{{')) throw new TemplateError('an action {{ has no end }}')
    let trimmed = trimsLeft ? text.trimStart() : text
    if (trimsRight) trimmed = trimmed.trimEnd()
    if (trimmed !== '') tokens.push({ type: 'text', text: trimmed })
  }
  for (const match of source.matchAll(ACTION)) {
    const [whole, left, body = '', right] = match
    addText(source.slice(end, match.index), left !== undefined)
    trimsLeft = right !== undefined
    end = match.index + whole.length
    if (/^\s*\/\*[\s\S]*\*\/\s*$/.test(body)) continue
    tokens.push({ type: 'mark', text: '{{' }, ...tokenizeAction(body.trim()), {
      type: 'mark',
      text: '}}',
    })
  }
  addText(source.slice(end), false)
  return tokens
}

function tokenizeAction(body: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < body.length; ) {
    const token = tokenAt(body, at)
    tokens.push(token.token)
    at = token.end
  }
  return tokens
}

function tokenAt(body: string, at: number): { token: Token; end: number } {
  for (const [pattern, make] of PATTERNS) {
    pattern.lastIndex = at
    const match = pattern.exec(body)
    if (match !== null) return { token: make(match), end: at + match[0].length }
  }
  throw new TemplateError(`${JSON.stringify(body.slice(at, at + 10))} is not understood`)
}

function unquote(text: string): string {
  try {
    // Go's escapes that templates use are JSON's, and \x.
    return JSON.parse(text.replace(/\\x([0-9a-fA-F]{2})/g, '\\u00$1'))
  } catch {
    throw new TemplateError(`${text} is no string`)
  }
}
