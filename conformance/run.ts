/**
 * Runs the checks against real peers: all of them, or those that are named. Each has a process of its own, as what it does to its
 * process, such as a clock that jumps, must not show in the next.
 *
 * Exits with 0 when all hold, with 1 when one doesn't, with 3 when only a peer was missing. With
 * REQUIRE_PEERS=1 a missing peer is a failure.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { constants, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EXIT_FAILED, EXIT_NO_PEER, SHARED_DIRECTORY } from './check.ts'

const RUN_CHECK = fileURLToPath(new URL('run-check.ts', import.meta.url))
/** CHECK_MINUTES: the longest that a check may take. Without it each takes its time, as those that run for an hour on purpose. */
const LIMIT = Number(process.env.CHECK_MINUTES ?? Number.POSITIVE_INFINITY) * 60_000
/** Milliseconds for a check to end what it has started. */
const GRACE = 60_000
const { priority } = constants
const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Checks that mostly wait, and those that compute meanwhile in an emulated machine: none of them holds anything against a time. */
const MEANWHILE: Readonly<Record<string, string>> = {
  churn: 'guests',
  collector: 'arm64',
  image: 'bpf',
  live: 'node',
}

process.exitCode = await main(process.argv.slice(2))

async function main(wanted: readonly string[]): Promise<number> {
  const names = availableChecks()
  const unknown = wanted.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    print(`there is no check ${unknown.join(', ')}; there are ${names.join(', ')}`)
    return EXIT_FAILED
  }
  const codes: number[] = []
  const shared = mkdtempSync(join(tmpdir(), 'conformance-'))
  process.on('exit', () => rmSync(shared, { recursive: true, force: true }))
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  for (const signal of SIGNALS) process.on(signal, stop)
  for (const together of sideBySide(wanted.length > 0 ? wanted : names)) {
    const running = together.map((name, index) =>
      runCheck(name, shared, stopping.signal, index > 0),
    )
    codes.push(...(await Promise.all(running)))
    // What runs has ended what it has started, and no other one begins.
    if (stopping.signal.aborted) return EXIT_FAILED
  }
  const passed = codes.filter((code) => code === 0).length
  const skipped = codes.filter((code) => code === EXIT_NO_PEER).length
  const failed = codes.length - passed - skipped
  const tail = skipped > 0 ? `, ${skipped} skipped` : ''
  print(`${passed} passed, ${failed} failed${tail}`)
  if (failed > 0) return EXIT_FAILED
  return skipped > 0 ? EXIT_NO_PEER : 0
}

function availableChecks(): string[] {
  const files = readdirSync(new URL('checks', import.meta.url))
  return files.map((file) => file.replace(/\.ts$/, '')).sort()
}

/** The checks in their order, those together that run at once. */
function sideBySide(names: readonly string[]): string[][] {
  const aside = new Set(names.map((name) => MEANWHILE[name]))
  return names
    .filter((name) => !aside.has(name))
    .map((name) => [name, ...names.filter((other) => other === MEANWHILE[name])])
}

/**
 * @param isAside whether what it prints is kept until its end, for another one prints meanwhile.
 * @returns the code that the check's process exits with; that of a failure when a signal has ended it.
 */
async function runCheck(
  name: string,
  shared: string,
  stopping: AbortSignal,
  isAside: boolean,
): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, RUN_CHECK, name], {
    stdio: isAside ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    env: { ...process.env, [SHARED_DIRECTORY]: shared },
  })
  // What computes leaves the CPUs to what waits for something.
  if (isAside && child.pid !== undefined) setPriority(child.pid, priority.PRIORITY_BELOW_NORMAL)
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => output.push(chunk))
  }
  const stop = () => child.kill('SIGTERM')
  stopping.addEventListener('abort', stop)
  const limits = Number.isFinite(LIMIT)
    ? [
        setTimeout(() => {
          print(`FAILED: ${name} has not ended within ${LIMIT / 60_000} minutes`)
          child.kill('SIGTERM')
        }, LIMIT),
        setTimeout(() => child.kill('SIGKILL'), LIMIT + GRACE),
      ]
    : []
  const closed = once(child, 'close')
  const [code] = (await once(child, 'exit')) as [number | null]
  // A program that has outlived the check may hold what it prints to open.
  await Promise.race([closed, delay(1000, undefined, { ref: false })])
  for (const limit of limits) clearTimeout(limit)
  stopping.removeEventListener('abort', stop)
  process.stdout.write(Buffer.concat(output))
  return code ?? EXIT_FAILED
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
