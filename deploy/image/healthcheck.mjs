/**
 * Exits with 0 when the agent in this container answers: for HEALTHCHECK, and for probes where it listens on loopback. Where
 * it listens is read from the kernel, so that every way to configure it counts; TLS is tried where plain HTTP is not
 * understood. An agent that serves nothing is healthy while it runs.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { get as getPlain } from 'node:http'
import { get as getSecurely } from 'node:https'
import { endianness } from 'node:os'

/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = '0A'
const TIMEOUT_MILLISECONDS = 5000

const agents = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isAgent(pid))
const ports = agents.flatMap(listeningPorts)
const answers = await Promise.all(ports.map(isAnswered))
process.exit(agents.length > 0 && answers.every((isWell) => isWell) ? 0 : 1)

/** Whether a process runs the program of this image, without a command that only prints. */
function isAgent(pid) {
  if (Number(pid) === process.pid) return false
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.some((word) => word.endsWith('/dist/main.js') || word === '/bin/process-exporter')
  } catch {
    return false
  }
}

function listeningPorts(pid) {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ''
      }
    }),
  )
  return ['tcp', 'tcp6'].flatMap((name) =>
    rowsOf(`/proc/${pid}/net/${name}`)
      .filter(
        ([, , , state, , , , , , inode]) => state === LISTEN && sockets.has(`socket:[${inode}]`),
      )
      .map(([, local]) => ({
        host: addressOf(local),
        port: Number.parseInt(local.split(':')[1], 16),
      })),
  )
}

function rowsOf(path) {
  try {
    const lines = readFileSync(path, 'latin1').trim().split('\n').slice(1)
    return lines.map((line) => line.trim().split(/\s+/))
  } catch {
    return []
  }
}

/** The address in a table of the kernel, words in the machine's byte order; loopback where it is every address. */
function addressOf(local) {
  const bytes = Buffer.from(local.split(':')[0], 'hex')
  if (endianness() === 'LE') bytes.swap32()
  if (bytes.length === 4) return bytes.every((byte) => byte === 0) ? '127.0.0.1' : bytes.join('.')
  if (bytes.every((byte) => byte === 0)) return '::1'
  return bytes.toString('hex').replace(/(.{4})(?=.)/g, '$1:')
}

/** Any answer counts, also one that asks for a password or a certificate: the agent is alive. */
async function isAnswered(where) {
  return (await isAnsweredBy(getPlain, where)) || (await isAnsweredBy(getSecurely, where))
}

function isAnsweredBy(get, { host, port }) {
  return new Promise((resolve) => {
    const options = {
      host,
      port,
      path: '/healthz',
      rejectUnauthorized: false,
      timeout: TIMEOUT_MILLISECONDS,
    }
    const request = get(options, (response) => {
      response.resume()
      resolve(response.statusCode < 500)
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', ({ code = '' }) => resolve(code.includes('CERTIFICATE_REQUIRED')))
  })
}
