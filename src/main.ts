#!/usr/bin/env node
/** The program: catches signals before it loads anything else, then does what the command line says. */
import { Signals } from './commands/signals.ts'

const signals = new Signals()
const { runCommandLine } = await import('./commands/commands.ts')
const [, program, ...words] = process.argv
await runCommandLine(words, program, signals)
