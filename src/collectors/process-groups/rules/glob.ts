/** File name patterns: `*` and `?` stand for anything but a slash, `**` for anything. */

export function compileGlob(glob: string): RegExp {
  const source = glob.replace(
    /\*\*|[*?]|[^*?]+/g,
    (part) => GLOB[part] ?? part.replace(SPECIAL, '\\$&'),
  )
  return new RegExp(`^${source}$`, 's')
}

const SPECIAL = /[\\^$.+()[\]{}|]/g
const GLOB: Readonly<Record<string, string>> = { '**': '.*', '*': '[^/]*', '?': '[^/]' }
