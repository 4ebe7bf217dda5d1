#!/usr/bin/env node
/** The program: catches signals before it loads anything else, then does what the command line says. */
import { restartWithoutIoUring } from './commands/restart.ts'
import { Signals } from './commands/signals.ts'

await restartWithoutIoUring(process.argv.slice(2))
const signals = new Signals()
const { runCommandLine } = await import('./commands/commands.ts')
const [, program, ...words] = process.argv
await runCommandLine(words, program, signals)
