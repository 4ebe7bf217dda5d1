/** Makes foreign text safe for terminals: names may contain escape sequences, newlines and signs that reverse text. */

/** Controls of C0 and C1, formatting characters such as those of bidirectional text, line separators, and halves of pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** One line: every character that is not seen is escaped as in JSON, such as `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** The same for text of several lines, whose newlines stay. */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\n' ? '\n' : escaped(character)))
}

function escaped(character: string): string {
  let units = ''
  for (let index = 0; index < character.length; index++) {
    units += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  }
  return units
}
