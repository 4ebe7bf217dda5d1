/** Programs that a check starts: each is ended by its PID, whatever happens. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a check has started and made; disposing of it ends and removes everything, newest first. */
export class Scope implements AsyncDisposable {
  readonly #endings: (() => void | Promise<void>)[] = []
  #end: Promise<void> | undefined

  /**
   * Starts a program; its output is thrown away unless `options.stdio` says otherwise.
   *
   * @throws Error when the scope has been disposed of: a check that goes on starting programs would never end.
   */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    if (this.#end !== undefined) throw new Error(`the check is ending: ${command} is not started`)
    const child = spawn(command, args, { stdio: 'ignore', ...options })
    // A program that can't be started shows by its exit; the event must have a listener.
    child.on('error', () => {})
    this.onEnd(() => endChild(child))
    return child
  }

  /** A directory of the check's own. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), 'conformance-'))
    this.onEnd(() => rmSync(path, { recursive: true, force: true }))
    return path
  }

  onEnd(ending: () => void | Promise<void>): void {
    this.#endings.push(ending)
  }

  /** Resolves when everything has ended, whoever has asked for it first. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#runEndings()
    return this.#end
  }

  async #runEndings(): Promise<void> {
    for (let ending = this.#endings.pop(); ending !== undefined; ending = this.#endings.pop()) {
      await ending()
    }
  }
}

const PATIENCE = 5000

export async function endChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
  await exit
  clearTimeout(timer)
}

/**
 * Runs a program to its end; gives what it printed, on both streams together.
 *
 * @param variables of its environment, besides our own.
 */
export async function run(
  command: string,
  args: readonly string[],
  input?: string,
  variables: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, ...variables }
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, output }
  } catch (error) {
    return { code: null, output: String(error) }
  }
}
