/** Runs the program, and collects its output. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Program {
  readonly child: ChildProcess
  /** What came from stdout and stderr, as far as they are pipes. */
  output: string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Starts a command; it is killed when the test ends. */
export function startProgram(
  t: ExecutionContext,
  command: readonly string[],
  options: SpawnOptions = {},
): Program {
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  const program = { child, output: '', ended }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      program.output += chunk
    })
  }
  return program
}

/** Starts the agent from its sources with this Node.js. */
export function startMain(
  t: ExecutionContext,
  words: readonly string[],
  options?: SpawnOptions,
): Program {
  return startProgram(t, [process.execPath, MAIN, ...words], options)
}

/** Waits until something holds; a test that waits in vain ends with its own time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}

/** Whether an agent on that port answers its liveness probe. */
export async function isAlive(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok
  } catch {
    return false
  }
}

/** Numbers of the signals that a process catches itself; none when it has ended. */
export function caughtSignals(pid: number): number[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const mask = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`)
    return Array.from({ length: 64 }, (_, index) => index + 1).filter(
      (signal) => (mask >> BigInt(signal - 1)) & 1n,
    )
  } catch {
    return []
  }
}
