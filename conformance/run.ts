/**
 * Runs the checks against real peers: all of them, or those that are named.
 *
 * Exits with 0 when all hold, with 1 when one doesn't, with 3 when only a peer was missing. With
 * REQUIRE_PEERS=1 a missing peer is a failure.
 */
import { readdirSync } from 'node:fs'
import type { Check } from './check.ts'
import { Scope } from './support/children.ts'
import { MissingPeer } from './support/packages.ts'

const EXIT_FAILED = 1
const EXIT_NO_PEER = 3

type Outcome = 'passed' | 'failed' | 'skipped'

process.exitCode = await main(process.argv.slice(2))

async function main(wanted: readonly string[]): Promise<number> {
  const names = availableChecks()
  const unknown = wanted.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    print(`there is no check ${unknown.join(', ')}; there are ${names.join(', ')}`)
    return EXIT_FAILED
  }
  const outcomes: Outcome[] = []
  for (const name of wanted.length > 0 ? wanted : names) outcomes.push(await runCheck(name))
  const count = (outcome: Outcome) => outcomes.filter((one) => one === outcome).length
  const skipped = count('skipped')
  const tail = skipped > 0 ? `, ${skipped} skipped` : ''
  print(`${count('passed')} passed, ${count('failed')} failed${tail}`)
  if (count('failed') > 0) return EXIT_FAILED
  return skipped > 0 ? EXIT_NO_PEER : 0
}

function availableChecks(): string[] {
  const files = readdirSync(new URL('checks', import.meta.url))
  return files.map((file) => file.replace(/\.ts$/, '')).sort()
}

async function runCheck(name: string): Promise<Outcome> {
  const { check } = (await import(`./checks/${name}.ts`)) as { check: Check }
  print(`# ${name}: ${check.title}`)
  const scope = new Scope()
  const interrupt = () => scope[Symbol.asyncDispose]().then(() => process.exit(EXIT_FAILED))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    print(`ok: ${await check.run({ scope, print: (line) => print(`  ${line}`) })}`)
    return 'passed'
  } catch (error) {
    const isSkipped = error instanceof MissingPeer && process.env.REQUIRE_PEERS !== '1'
    print(`${isSkipped ? 'skipped' : 'FAILED'}: ${(error as Error).message}`)
    return isSkipped ? 'skipped' : 'failed'
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await scope[Symbol.asyncDispose]()
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
