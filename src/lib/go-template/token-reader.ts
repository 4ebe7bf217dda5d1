/** Tokens of a template, taken one by one. */
import type { Token } from './lexer.ts'
import { TemplateError } from './template-error.ts'

/** A reader of tokens with one token of look-ahead. */
export class TokenReader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  /** @throws TemplateError when there is none. */
  next(): Token {
    const token = this.peek()
    if (token === undefined) throw this.unexpected('something is missing')
    this.#at++
    return token
  }

  /** Makes the token the next one again. */
  backTo(token: Token): void {
    this.#at = this.#tokens.indexOf(token)
  }

  skipSpace(): void {
    while (this.peek()?.type === 'space') this.#at++
  }

  /** Whether the next token is the mark or word. */
  is(text: string): boolean {
    const token = this.peek()
    return (token?.type === 'mark' || token?.type === 'word') && token.text === text
  }

  /** Takes the next token if it is the mark or word. */
  accept(text: string): boolean {
    const isIt = this.is(text)
    if (isIt) this.#at++
    return isIt
  }

  /** @throws TemplateError unless the mark comes next, spaces apart. */
  expect(mark: string): void {
    this.skipSpace()
    if (!this.accept(mark)) throw this.unexpected(`${mark} is missing`)
  }

  unexpected(what: string): TemplateError {
    const token = this.peek()
    if (token === undefined) {
      return new TemplateError(this.#tokens.at(-1)?.at ?? 0, `${what} at the end`)
    }
    return new TemplateError(token.at, `${what} before ${JSON.stringify(token.text)}`)
  }
}
