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
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT_FAILED, EXIT_NO_PEER, SHARED_DIRECTORY } from './check.ts'

const RUN_CHECK = fileURLToPath(new URL('run-check.ts', import.meta.url))
/** CHECK_MINUTES: the longest that a check may take. Without it each takes its time, as those that run for an hour on purpose. */
const LIMIT = Number(process.env.CHECK_MINUTES ?? Number.POSITIVE_INFINITY) * 60_000
/** Milliseconds for a check to end what it has started. */
const GRACE = 60_000
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

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
  for (const name of wanted.length > 0 ? wanted : names) codes.push(await runCheck(name, shared))
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

/** @returns the code that the check's process exits with; that of a failure when a signal has ended it. */
async function runCheck(name: string, shared: string): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, RUN_CHECK, name], {
    stdio: 'inherit',
    env: { ...process.env, [SHARED_DIRECTORY]: shared },
  })
  // The check ends what it has started, and no other one begins.
  const pass = (signal: NodeJS.Signals) => {
    child.kill(signal)
    void once(child, 'exit').then(() => process.exit(EXIT_FAILED))
  }
  for (const signal of SIGNALS) process.on(signal, pass)
  const limits = Number.isFinite(LIMIT)
    ? [
        setTimeout(() => {
          print(`FAILED: ${name} has not ended within ${LIMIT / 60_000} minutes`)
          child.kill('SIGTERM')
        }, LIMIT),
        setTimeout(() => child.kill('SIGKILL'), LIMIT + GRACE),
      ]
    : []
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const limit of limits) clearTimeout(limit)
  for (const signal of SIGNALS) process.off(signal, pass)
  return code ?? EXIT_FAILED
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
