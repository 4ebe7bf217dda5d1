/** What can be wrong with a configuration, said so that it can be mended. */

/** One thing that is wrong with a configuration, and where. */
export interface ConfigProblem {
  /** Where: `agent.yaml:3:5`, `variable HOST_PROC`, `flag --procfs.root`. */
  readonly source: string
  /** What is wrong and what would be right. */
  readonly message: string
  /** The line of the file, with a mark below the place. */
  readonly excerpt?: string
}

/** Problems that are listed; of further ones only the number. */
const MAX_LISTED = 100
/** Characters that are shown of a longer text: its beginning has the name, its end the reason. */
const HEAD = 300
const TAIL = 200

/** All problems of one load. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const more = problems.length - MAX_LISTED
    const lines = problems.slice(0, MAX_LISTED).map(describe)
    super([...lines, ...(more > 0 ? [`and ${more} problems more`] : [])].join('\n'))
    this.problems = problems
  }
}

function describe({ source, message, excerpt }: ConfigProblem): string {
  const line = `${shortened(source)}: ${shortened(message)}`
  return excerpt === undefined ? line : `${line}\n${excerpt}`
}

/** A value that is part of a message may be a whole file, and a flag that is part of a source anything. */
function shortened(text: string): string {
  const omitted = text.length - HEAD - TAIL
  if (omitted <= 0) return text
  return `${text.slice(0, HEAD)}… (${omitted} characters) …${text.slice(-TAIL)}`
}

/** `; did you mean "x"?` when one of the known words is near, else nothing. */
export function suggestion(word: string, known: Iterable<string>): string {
  const nearest = nearestOf(word, known)
  return nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`
}

/**
 * The known word that the given one is most likely a misspelling of: the one that it begins, else the one with the
 * fewest changes. Where both share their first part (`config.file`, `config.path`), more changes are allowed.
 */
export function nearestOf(word: string, known: Iterable<string>): string | undefined {
  const candidates = [...known]
  const started = candidates.filter(
    (candidate) => word.length >= MIN_START && candidate.startsWith(word),
  )
  if (started.length === 1) return started[0]
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const isSibling = firstPart(word) !== word && firstPart(word) === firstPart(candidate)
    const most = Math.max(2, Math.floor(word.length / (isSibling ? 2 : 3)))
    // A whole file may be given as a word: the length alone rules most candidates out.
    if (Math.abs(candidate.length - word.length) > most) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    // Among equals the sibling is the likelier one.
    const rank = isSibling ? distance - 0.5 : distance
    if (distance <= most && rank < least) {
      least = rank
      nearest = candidate
    }
  }
  return nearest
}

/** Characters from which on a word is taken for the start of another. */
const MIN_START = 4

function firstPart(word: string): string {
  return word.split('.', 1)[0]
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column] + 1, current[column - 1] + 1))
    }
    previous = current
  }
  return previous[b.length]
}
