/** Texts made safe for HTML, JavaScript and URLs, as Go's text/template does it. */
import { isPrintable } from './quote.ts'

const HTML: Readonly<Record<string, string>> = {
  '\0': '\uFFFD',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[\0"'&<>]/g, (character) => HTML[character])
}

export function escapeJavaScript(text: string): string {
  return text.replace(/["'\\]|[<>&=]|[\0-\x1f]|[^\0-\x7f]/gu, (character) => {
    if (/["'\\]/.test(character)) return `\\${character}`
    if (character > '\x7f' && isPrintable(character)) return character
    const code = character.codePointAt(0) as number
    return `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
  })
}

export function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
