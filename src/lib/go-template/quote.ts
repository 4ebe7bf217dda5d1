/** Texts in quotes, as Go's strconv writes them. */

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}

/** Whether a character is seen when printed; of the spaces only the plain one is. */
function isPrintable(character: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)
}

/** A text as a Go string literal, in double quotes. */
export function quote(text: string): string {
  return `"${[...text].map((character) => quoted(character, '"')).join('')}"`
}

/** A character as a Go rune literal, in single quotes. */
export function quoteCharacter(character: string): string {
  return `'${quoted(character, "'")}'`
}

function quoted(character: string, mark: string): string {
  if (character === mark) return `\\${mark}`
  const known = ESCAPES[character]
  if (known !== undefined) return known
  if (isPrintable(character)) return character
  const code = character.codePointAt(0) as number
  const hex = code.toString(16)
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
