/**
 * Trees of files as one text that a person can read and edit, in the form of Go's txtar: a comment, then each file
 * behind a line `-- path --`.
 *
 * Beyond txtar: `-- path -> target --` is a symbolic link and `-- path/ --` an empty directory. Two files have no line
 * breaks in procfs: `cmdline` has an argument on each line here, which the kernel ends by NUL, and `wchan` is one line.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface TreeFile {
  /** Relative, without a slash at its end. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link'
  /** Text of a file, target of a link, empty for a directory. */
  readonly content: string
}

const HEADER = /^-- (.+) --$/

/** @throws Error when a path is absolute or leads out of the tree. */
export function parseTxtar(text: string): TreeFile[] {
  const files: { header: string; lines: string[] }[] = []
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line)?.[1]
    if (header !== undefined) files.push({ header, lines: [] })
    else files.at(-1)?.lines.push(line)
  }
  return files.map(({ header, lines }, index) => {
    // What is behind the last line break of the text is no line.
    const isLast = index === files.length - 1
    const content = (isLast ? lines.slice(0, -1) : lines).map((line) => `${line}\n`).join('')
    const [path, target] = header.split(' -> ')
    if (path.startsWith('/') || path.split('/').includes('..'))
      throw new Error(`${path} is outside of the tree`)
    if (target !== undefined) return { path, kind: 'link', content: target }
    if (path.endsWith('/')) return { path: path.slice(0, -1), kind: 'directory', content: '' }
    return { path, kind: 'file', content }
  })
}

/** Writes the files below a directory, in the place of any that are there. */
export function writeTree(root: string, files: readonly TreeFile[]): void {
  for (const { path, kind, content } of files) {
    const target = join(root, path)
    mkdirSync(kind === 'directory' ? target : dirname(target), { recursive: true })
    if (kind === 'link') {
      rmSync(target, { force: true })
      symlinkSync(content, target)
    } else if (kind === 'file') {
      writeFileSync(target, fileContent(basename(path), content))
    }
  }
}

function fileContent(name: string, content: string): string {
  if (name === 'cmdline') return content.replaceAll('\n', '\0')
  return name === 'wchan' ? content.trimEnd() : content
}
