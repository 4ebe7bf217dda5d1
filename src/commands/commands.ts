/** Which command the command line names, and the exit code that comes of it. */
import { constants } from 'node:os'
import { loadConfiguration } from '../agent/configuration.ts'
import { exit } from '../agent/exit.ts'
import { StartError } from '../agent/procfs.ts'
import { type CommandLine, parseCommandLine } from '../config/command-line.ts'
import { helpText } from '../config/help.ts'
import { ConfigError } from '../config/problems.ts'
import { readVersion } from '../version.ts'
import { becomeUser } from './become-user.ts'
import { checkConfig } from './check-config.ts'
import { explain } from './explain.ts'
import { listMetrics } from './list-metrics.ts'
import { listSettings } from './list-settings.ts'
import { once } from './once.ts'
import { OutputError, print, printError } from './output.ts'
import { pinBpf } from './pin-bpf.ts'
import { run } from './run.ts'
import type { Signals } from './signals.ts'

const EXIT_FAILURE = 1
const EXIT_CONFIG = 2

/**
 * Does what the command line says, and ends the process with its exit code. What fails is said on stderr.
 *
 * @param words of the command line, without the program.
 * @param program the path that it was called by, which may name a profile.
 */
export async function runCommandLine(
  words: readonly string[],
  program: string | undefined,
  signals: Signals,
): Promise<never> {
  // What it prints is written by then; a collection that goes on is not waited for.
  exit(await codeOf(words, program, signals))
}

async function codeOf(
  words: readonly string[],
  program: string | undefined,
  signals: Signals,
): Promise<number> {
  try {
    const commandLine = parseCommandLine(words, program)
    await becomeUser(commandLine.user)
    if (isAgent(commandLine)) return await runAgent(commandLine, signals)
    signals.handle({
      onEnd: (signal) => exit(128 + constants.signals[signal]),
      onReload: () => {},
    })
    return await printAnswer(commandLine)
  } catch (error) {
    return explainFailure(error)
  }
}

function isAgent({ command, help, version, once }: CommandLine): boolean {
  return command === 'run' && !help && !version && !once
}

async function runAgent(commandLine: CommandLine, signals: Signals): Promise<number> {
  const load = () => loadConfiguration(commandLine, process.env)
  const watched = commandLine.watch ? commandLine.config : undefined
  return await run({ load, watched, version: readVersion(), signals })
}

async function printAnswer(commandLine: CommandLine): Promise<number> {
  const version = readVersion()
  if (commandLine.version) await print(`otel-interrogator ${version}\n`)
  else if (commandLine.help) await print(helpText())
  else if (commandLine.command === 'list-settings') await print(listSettings())
  else if (commandLine.command === 'list-metrics') {
    await print(await listMetrics(commandLine, version))
  } else if (commandLine.command === 'explain') return await explain(commandLine)
  else if (commandLine.command === 'check-config') await checkConfig(commandLine)
  else if (commandLine.command === 'pin-bpf') await pinBpf(commandLine)
  else await once(commandLine, version)
  return 0
}

/** Says on stderr what went wrong; gives the exit code. */
function explainFailure(error: unknown): number {
  const { message, code, syscall } = error as NodeJS.ErrnoException
  if (error instanceof ConfigError) {
    printError(`${message}\n`)
    return EXIT_CONFIG
  }
  // `| head` closes the pipe when it has seen enough; there is nothing to say of that.
  if (error instanceof OutputError && error.code === 'EPIPE') return EXIT_FAILURE
  const hint =
    code === 'EADDRINUSE' ? '; another program has the port: choose one with --prometheus.port' : ''
  const isExpected =
    syscall !== undefined || error instanceof StartError || error instanceof OutputError
  const trace = !isExpected && error instanceof Error ? error.stack : message
  printError(`otel-interrogator: ${trace}${hint}\n`)
  return EXIT_FAILURE
}
