/** Talking to programs over loopback HTTP. */
import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'

/** The body of a page; an answer other than 200 is an error. */
export async function get(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  // An idle connection may have been closed while this program was busy; a new one has not.
  const response = await fetch(url, { headers }).catch(() => fetch(url, { headers }))
  const body = await response.text()
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}: ${body}`)
  return body
}

/** Milliseconds between two questions whether a program is ready. */
const FIRST_WAIT = 5
const LONGEST_WAIT = 50

/**
 * Asks again and again until the page answers with 200.
 *
 * @param signal ends the asking.
 */
export async function untilReady(url: string, seconds = 30, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  // Small programs are there after a few milliseconds.
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    signal?.throwIfAborted()
    try {
      await get(url)
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`not ready in ${seconds} s`, { cause: error })
    }
    await delay(wait)
  }
}

/** One request on a connection of its own, which ends with the answer; certificates are not looked at. */
export function getOnce(url: string): Promise<{ status: number; body: string }> {
  const ask = url.startsWith('https:') ? secureRequest : request
  return new Promise((resolve, reject) => {
    const asked = ask(url, { agent: false, rejectUnauthorized: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    asked.on('error', reject)
    asked.end()
  })
}
