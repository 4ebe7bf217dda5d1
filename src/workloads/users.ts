/** Names of user ids, from the user database (passwd(5)). */
import { readFileSync } from 'node:fs'

/**
 * A look-up that reads the database once, and once more for an id that it doesn't know yet. An id without
 * a name is shown as its number.
 */
export function userNames(path = '/etc/passwd'): (uid: number) => string {
  const names = new Map<number, string>()
  return (uid) => {
    if (!names.has(uid)) {
      for (const [id, name] of readUsers(path)) names.set(id, name)
      if (!names.has(uid)) names.set(uid, String(uid))
    }
    return names.get(uid) ?? String(uid)
  }
}

function* readUsers(path: string): Generator<[uid: number, name: string]> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return
  }
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':')
    if (name !== undefined && uid !== undefined && uid !== '') yield [Number(uid), name]
  }
}
