/** Runs the one check that is named, for `run.ts`. Exits with 0, `EXIT_FAILED` or `EXIT_NO_PEER`. */
import { type Check, EXIT_FAILED, EXIT_NO_PEER } from './check.ts'
import { Scope } from './support/children.ts'
import { MissingPeer } from './support/packages.ts'

// What a check leaves open does not hold up the next one.
process.exit(await runCheck(process.argv[2] as string))

async function runCheck(name: string): Promise<number> {
  const { check } = (await import(`./checks/${name}.ts`)) as { check: Check }
  print(`# ${name}: ${check.title}`)
  const began = performance.now()
  const scope = new Scope()
  const interrupt = () => {
    // What of the check still runs fails now.
    process.on('unhandledRejection', () => {})
    void scope[Symbol.asyncDispose]().then(() => process.exit(EXIT_FAILED))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const result = await check.run({ scope, print: (line) => print(`  ${line}`) })
    print(`ok: ${result} (${minutesSince(began)})`)
    return 0
  } catch (error) {
    const isSkipped = error instanceof MissingPeer && process.env.REQUIRE_PEERS !== '1'
    print(`${isSkipped ? 'skipped' : 'FAILED'}: ${messageOf(error)} (${minutesSince(began)})`)
    return isSkipped ? EXIT_NO_PEER : EXIT_FAILED
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await scope[Symbol.asyncDispose]()
  }
}

/** Such as `3:07`, by a clock that no check sets. */
function minutesSince(began: number): string {
  const seconds = Math.round((performance.now() - began) / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** With its causes: that of a failed `fetch` says only there what happened to the connection. */
function messageOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause === undefined ? message : `${message}: ${messageOf(cause)}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
