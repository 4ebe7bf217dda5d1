/** Authentication of requests, and the headers of every answer. */
import type { IncomingMessage } from 'node:http'
import { plainText, type Reply } from '../reply.ts'
import { type Credentials, Passwords } from './passwords.ts'
import { type RateLimit, TokenBucket } from './rate-limit.ts'

/** Users, headers and the rate limit of the server. */
export interface GuardSettings {
  readonly headers: Readonly<Record<string, string>>
  /** Bcrypt hashes by user; empty when no user is required. */
  readonly users: ReadonlyMap<string, string>
  /** Undefined for no limit. */
  readonly rateLimit: RateLimit | undefined
}

/** Answers a request, whatever its path. */
export type Answer = (request: IncomingMessage) => Promise<Reply>

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="otel-interrogator", charset="UTF-8"' }

/**
 * Puts authentication, headers and the rate limit before an answer.
 *
 * @param settings gives them as they are at a request.
 */
export function guard(answer: Answer, settings: () => GuardSettings): Answer {
  const passwords = new Passwords()
  const bucket = new TokenBucket()
  return async (request) => {
    const { headers, users, rateLimit } = settings()
    const refusal = bucket.take(rateLimit, performance.now())
      ? await authenticate(passwords, users, request)
      : plainText(429, 'too many requests\n', { 'Retry-After': '1' })
    const reply = refusal ?? (await answer(request))
    return { ...reply, headers: { ...headers, ...reply.headers } }
  }
}

/** The answer to a request that is not authorized; undefined for one that is. */
async function authenticate(
  passwords: Passwords,
  users: ReadonlyMap<string, string>,
  request: IncomingMessage,
): Promise<Reply | undefined> {
  if (users.size === 0) return undefined
  const credentials = credentialsOf(request.headers.authorization ?? '')
  const isRight = credentials !== undefined && (await passwords.check(users, credentials))
  if (isRight === undefined) {
    return plainText(503, 'too many passwords are being checked\n', { 'Retry-After': '1' })
  }
  return isRight ? undefined : plainText(401, 'user and password are needed\n', CHALLENGE)
}

/** Of RFC 7617's `Authorization`; undefined when it is of another form. */
function credentialsOf(header: string): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(header) ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
