/** A running Collector, and what it writes. */
import type { ChildProcess } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { ReceivedRequest } from '../../test/support/receiver.ts'
import { endChild, type Scope } from '../support/children.ts'

const READY_SECONDS = 30

export class Collector {
  readonly #scope: Scope
  readonly #command: readonly string[]
  readonly #file: string
  readonly #log: string[] = []
  #child: ChildProcess | undefined

  /**
   * @param program with arguments before its own, if any.
   * @param config as an object, or the path of a file.
   */
  constructor(scope: Scope, program: string | readonly string[], config: object | string) {
    this.#scope = scope
    this.#command = typeof program === 'string' ? [program] : program
    this.#file = typeof config === 'string' ? config : join(scope.directory(), 'collector.yaml')
    if (typeof config !== 'string')
      writeFileSync(this.#file, stringify({ ...config, ...service(config) }))
  }

  get pid(): number {
    return this.#child?.pid as number
  }

  /**
   * Starts it.
   *
   * @param address that it listens on when it is ready: a port of loopback, or host and port.
   * @throws Error with the end of its log when it isn't.
   */
  async start(address: number | string, environment: NodeJS.ProcessEnv = {}): Promise<void> {
    const [program, ...first] = this.#command
    const child = this.#scope.spawn(program as string, [...first, `--config=${this.#file}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...environment },
    })
    this.#child = child
    child.stderr?.on('data', (chunk) => this.#log.push(String(chunk)))
    const deadline = Date.now() + READY_SECONDS * 1000
    while (!(await isListening(address))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the Collector does not start: ${this.#log.join('').trim().slice(-1500)}`)
      }
      await delay(50)
    }
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await endChild(this.#child)
  }

  /** Ends it at once, as the kernel does when memory is short. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    while (this.#child?.exitCode === null && this.#child.signalCode === null) await delay(10)
  }
}

/** Path of a configuration of `otel/`. */
export function configuration(name: string): string {
  return fileURLToPath(new URL(`../../otel/${name}`, import.meta.url))
}

/** Its own metrics would want a port. */
function service(config: object): object {
  const given = (config as { service?: object }).service
  return {
    service: { telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } }, ...given },
  }
}

function isListening(address: number | string): Promise<boolean> {
  const [host, port] = typeof address === 'number' ? ['127.0.0.1', address] : address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/**
 * What its file exporter has written so far: one request in each line; the last one may not be whole yet.
 *
 * @param kills how many lines may be broken: one that was killed in the middle of a line leaves the next one to go on in it.
 * @throws SyntaxError when more of them are.
 */
export function writtenRequests(file: string, kills = 0): ReceivedRequest[] {
  if (!existsSync(file)) return []
  const requests: ReceivedRequest[] = []
  let broken = 0
  for (const line of wholeLines(readFileSync(file))) {
    try {
      requests.push(JSON.parse(line, withAttributes) as ReceivedRequest)
    } catch (error) {
      if (++broken > kills) throw error
    }
  }
  return requests
}

/** The latest time of a point, in milliseconds, of all that a file exporter has written. Each part of the file is read once. */
export class LatestPoint {
  readonly #file: string
  #read = 0
  #milliseconds = 0

  constructor(file: string) {
    this.#file = file
  }

  get milliseconds(): number {
    if (!existsSync(this.#file)) return 0
    const bytes = readFrom(this.#file, this.#read)
    for (const line of wholeLines(bytes)) {
      // Nothing but these numbers is looked for, so a line that was killed in its middle does no harm.
      for (const [, nanoseconds] of line.matchAll(/"timeUnixNano":"(\d+)"/g)) {
        this.#milliseconds = Math.max(this.#milliseconds, Number(nanoseconds) / 1e6)
      }
    }
    this.#read += bytes.lastIndexOf('\n') + 1
    return this.#milliseconds
  }
}

function readFrom(file: string, start: number): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - start))
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, start))
  } finally {
    closeSync(descriptor)
  }
}

/** The lines that end; all of them together may be longer than a string can be. */
function* wholeLines(bytes: Buffer): Generator<string> {
  let start = 0
  for (let end = bytes.indexOf('\n'); end !== -1; end = bytes.indexOf('\n', start)) {
    yield bytes.toString('utf8', start, end)
    start = end + 1
  }
}

/** OTLP's JSON leaves out what is empty. */
function withAttributes(key: string, value: unknown): unknown {
  const isBearer =
    key === 'resource' || (value as { timeUnixNano?: string })?.timeUnixNano !== undefined
  return isBearer ? { attributes: [], ...(value as object) } : value
}
