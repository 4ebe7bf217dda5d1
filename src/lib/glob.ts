/** File name patterns: `*` and `?` stand for anything but a slash, `**` for anything. */
import { compileWhole, type WholeMatch } from './re2.ts'

export function compileGlob(glob: string): WholeMatch {
  const source = glob.replace(
    /\*\*|[*?]|[^*?]+/g,
    (part) => GLOB.get(part) ?? part.replace(SPECIAL, '\\$&'),
  )
  return compileWhole(source)
}

const SPECIAL = /[\\^$.+()[\]{}|]/g
const GLOB = new Map([
  ['**', '.*'],
  ['*', '[^/]*'],
  ['?', '[^/]'],
])
