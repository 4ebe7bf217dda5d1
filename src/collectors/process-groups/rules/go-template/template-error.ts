/** A template that can't be used; the message says why. */
export class TemplateError extends Error {
  override name = 'TemplateError'
}
