/** `basic_auth_users`: users and the bcrypt hashes of their passwords. */
import type { Section } from './section.ts'

const BCRYPT = /^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/

/** Hashes by user; none when no user is required. */
export function readUsers(section: Section): Map<string, string> {
  const users = new Map<string, string>()
  for (const user of section.keys) {
    const hash = section.text(user)
    if (user.includes(':')) {
      section.problem(
        user,
        `the user ${JSON.stringify(user)} has a colon, which no client can send`,
      )
    } else if (hash !== undefined && BCRYPT.test(hash)) {
      users.set(user, hash)
    } else {
      section.problem(
        user,
        `the password of ${JSON.stringify(user)} must be a bcrypt hash; \`htpasswd -nB USER\` makes one`,
      )
    }
  }
  return users
}
