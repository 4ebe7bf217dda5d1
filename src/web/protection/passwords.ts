/** Checks passwords against bcrypt hashes, one at a time, and remembers which were right. */
import { createHmac, randomBytes } from 'node:crypto'
import { compare } from 'bcryptjs'

/** User and password of a request. */
export interface Credentials {
  readonly user: string
  readonly password: string
}

/** Right credentials that are remembered. */
const MAX_REMEMBERED = 100
/** Checks that may wait for their turn; each takes a core for some 70 ms or more. */
const MAX_WAITING = 16

/** Checks passwords against bcrypt hashes; correct ones are remembered as a digest. */
export class Passwords {
  /** Credentials are remembered as a digest, under a key that ends with the process. */
  readonly #key = randomBytes(32)
  readonly #right = new Set<string>()
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  /**
   * Whether the credentials are those of a user; undefined when too many checks wait already.
   *
   * An unknown user takes as long as a known one with a wrong password.
   *
   * @param users bcrypt hashes by user, at least one.
   */
  async check(
    users: ReadonlyMap<string, string>,
    credentials: Credentials,
  ): Promise<boolean | undefined> {
    const hash = users.get(credentials.user)
    const digest = this.#digest(credentials, hash ?? '')
    if (this.#right.has(digest)) return true
    if (this.#waiting >= MAX_WAITING) return undefined
    this.#waiting++
    const turn = this.#last.then(() => this.#compare(credentials, hash ?? costliest(users), digest))
    this.#last = turn.catch(() => {})
    try {
      const isEqual = await turn
      if (!isEqual || hash === undefined) return false
      this.#remember(digest)
      return true
    } finally {
      this.#waiting--
    }
  }

  async #compare({ password }: Credentials, hash: string, digest: string): Promise<boolean> {
    // An earlier request may have had the same password.
    return this.#right.has(digest) || (await compare(password, hash))
  }

  #remember(digest: string): void {
    const [oldest] = this.#right
    if (this.#right.size >= MAX_REMEMBERED && oldest !== undefined) this.#right.delete(oldest)
    this.#right.add(digest)
  }

  #digest({ user, password }: Credentials, hash: string): string {
    const hmac = createHmac('sha256', this.#key)
    return hmac.update(JSON.stringify([user, password, hash])).digest('base64')
  }
}

/** The hash that takes longest to check. */
function costliest(users: ReadonlyMap<string, string>): string {
  const costOf = (hash: string) => hash.split('$')[2] ?? ''
  return [...users.values()].reduce((most, hash) => (costOf(hash) > costOf(most) ? hash : most))
}
