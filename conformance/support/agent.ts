/** The agent under test, as its users start it: a process of its own. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/free-port.ts'
import type { Scope } from './children.ts'
import { untilReady } from './http.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface RunningAgent {
  readonly pid: number
  readonly url: string
  /** What it has logged so far, line by line. */
  readonly log: readonly string[]
}

/**
 * Starts the agent with Prometheus output only, and waits for its first collection.
 *
 * @param config the text of its configuration file.
 * @param launcher a command that executes the one after it, such as `setpriv` with its options.
 */
export async function startAgent(
  scope: Scope,
  flags: readonly string[] = [],
  config = '',
  launcher: readonly string[] = [],
): Promise<RunningAgent> {
  const { child, url, log } = await spawnAgent(scope, flags, config, launcher)
  const over = new AbortController()
  try {
    const { signal } = over
    await Promise.race([untilReady(`${url}/readyz`, undefined, signal), ended(child, log, signal)])
  } finally {
    over.abort()
  }
  return { pid: child.pid as number, url, log }
}

/** @throws Error when the agent ends, with what it has logged last. */
async function ended(
  child: ChildProcess,
  log: readonly string[],
  signal: AbortSignal,
): Promise<never> {
  const [code, killer] = await once(child, 'exit', { signal })
  throw new Error([`the agent has ended, with ${killer ?? code}`, ...log.slice(-5)].join('\n'))
}

/** The same, without waiting for anything. */
export async function spawnAgent(
  scope: Scope,
  flags: readonly string[] = [],
  config = '',
  launcher: readonly string[] = [],
): Promise<Omit<RunningAgent, 'pid'> & { readonly child: ChildProcess }> {
  const port = await freePort()
  const file = join(scope.directory(), 'agent.yaml')
  writeFileSync(file, config)
  const [command, ...args] = [
    ...launcher,
    process.execPath,
    ...startArguments(),
    `--config=${file}`,
    '--exporters=prometheus',
    `--web.listen-address=127.0.0.1:${port}`,
    ...flags,
  ]
  const child = scope.spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  const log: string[] = []
  if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => log.push(line))
  return { child, url: `http://127.0.0.1:${port}`, log }
}

/** What follows `node` in the command that `npm start` runs. */
export function startArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  return scripts.start.split(' ').slice(1)
}
