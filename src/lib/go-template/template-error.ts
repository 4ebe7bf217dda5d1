/** A template that can't be used; the message says where and why. */
export class TemplateError extends Error {
  override name = 'TemplateError'
  /** Offset in the template, from 0. */
  readonly position: number

  constructor(position: number, what: string) {
    super(`${what} (at character ${position + 1})`)
    this.position = position
  }
}
