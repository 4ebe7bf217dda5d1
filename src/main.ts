#!/usr/bin/env node
/** The command line of otel-interrogator. */
import { watchFile } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Logger, pino } from 'pino'
import { type Agent, startAgent } from './agent/agent.ts'
import { loadConfiguration } from './agent/configuration.ts'
import { exit, exitIfHeld } from './agent/exit.ts'
import { explain } from './agent/explain.ts'
import { listMetrics } from './agent/list-metrics.ts'
import { StartError } from './agent/procfs.ts'
import { protectionFile, readProtectionFiles } from './agent/server.ts'
import { createRules } from './collectors/process-groups/rules/rules.ts'
import { COLLECTORS } from './collectors/registry.ts'
import { parseCommandLine } from './config/command-line.ts'
import { configurationReference, helpText } from './config/help.ts'
import type { LoadedConfig } from './config/load.ts'
import { ConfigError } from './config/problems.ts'
import { metricsReference } from './telemetry/reference.ts'
import { readVersion } from './version.ts'

/** By looking, not by inotify: a ConfigMap's file is a link to one in a directory that is replaced. */
const WATCH_MILLISECONDS = 5000
const EXIT_FAILURE = 1
const EXIT_CONFIG = 2
/** Everything has to be ended within this time of a signal. */
const STOP_MILLISECONDS = 4500

try {
  await main(process.argv.slice(2), process.argv[1])
} catch (error) {
  process.exitCode = explainFailure(error)
  exitIfHeld()
}

async function main(words: readonly string[], program: string | undefined): Promise<void> {
  const commandLine = parseCommandLine(words, program)
  const version = readVersion()
  if (commandLine.version) return print(`otel-interrogator ${version}\n`)
  if (commandLine.help) return print(helpText())
  if (commandLine.command === 'list-settings') return print(configurationReference())
  if (commandLine.command === 'list-metrics' && commandLine.all) {
    return print(metricsReference(COLLECTORS.flatMap(({ tables }) => tables())))
  }
  const loaded = loadConfiguration(commandLine, process.env)
  if (commandLine.command === 'list-metrics') {
    return print(await listMetrics(loaded.config, version, commandLine.format))
  }
  if (commandLine.command === 'check-config') return confirmConfig(loaded)
  if (commandLine.command === 'explain') return await printExplanation(loaded, commandLine.pid)
  if (commandLine.once) await printOnce(loaded, version, commandLine.onceDelay)
  else {
    const watched = commandLine.watch ? commandLine.config : undefined
    const reload = () => loadConfiguration(commandLine, process.env)
    await run(loaded, version, reload, watched)
  }
}

/** @throws ConfigError when the web configuration, which is read at the start only, is wrong. */
function confirmConfig({ config, warnings }: LoadedConfig): void {
  if (protectionFile(config.web) !== undefined) readProtectionFiles(config.web, () => {})
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  print('the configuration is right\n')
}

async function printExplanation({ config }: LoadedConfig, pid: number | undefined): Promise<void> {
  try {
    const { text, isGrouped } = await explain(config, pid)
    print(text)
    if (!isGrouped) process.exitCode = EXIT_FAILURE
    exitIfHeld()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    process.stderr.write(`otel-interrogator: there is no process ${pid} in ${config.procfs.root}\n`)
    process.exitCode = EXIT_FAILURE
  }
}

/** @param wait milliseconds between a first collection and the one that is printed; 0 for one only. */
async function printOnce({ config }: LoadedConfig, version: string, wait: number): Promise<void> {
  const silent = pino({ level: 'silent' })
  // After a wait, however short, the first collection is not the one to print.
  const collection = wait > 0 ? { ...config.collection, max_age: 0 } : config.collection
  const agent = await startAgent({ ...config, collection, exporters: ['none'] }, version, silent)
  await delay(wait)
  print(await agent.scrape())
  await agent.stop(0)
  exitIfHeld()
}

/**
 * @param reload gives the configuration as it is now.
 * @param watched the file whose changes bring new rules; undefined for none.
 */
async function run(
  { config, warnings }: LoadedConfig,
  version: string,
  reload: () => LoadedConfig,
  watched: string | undefined,
): Promise<void> {
  const logger = pino({
    level: config.log.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  })
  for (const warning of warnings) logger.warn(warning)
  logger.debug(
    'to see which rule puts a process into its group: otel-interrogator explain PID, or explain --all',
  )
  const agent = await startAgent(config, version, logger)
  logger.info({ version, node: process.version, exporters: config.exporters }, 'started')
  const reloadNow = () => reloadRules(agent, logger, reload)
  process.on('SIGHUP', reloadNow)
  if (watched !== undefined) watchFile(watched, { interval: WATCH_MILLISECONDS }, reloadNow)
  const stop = (signal: NodeJS.Signals) => stopAgent(agent, logger, signal)
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

/** Takes the rules anew; when they are wrong, the old ones stay. */
function reloadRules(agent: Agent, logger: Logger, reload: () => LoadedConfig): void {
  try {
    agent.reloadRules(() => {
      const { config, warnings } = reload()
      for (const warning of warnings) logger.warn(warning)
      return createRules(config)
    })
    logger.info('rules are reloaded; other settings take effect at the next start')
  } catch (error) {
    logger.error(
      { problems: (error as Error).message },
      'rules are not reloaded, the old ones stay',
    )
  }
}

function stopAgent(agent: Agent, logger: Logger, signal: NodeJS.Signals): void {
  logger.info({ signal }, 'stopping')
  const deadline = setTimeout(() => exit(EXIT_FAILURE), STOP_MILLISECONDS)
  agent
    .stop(STOP_MILLISECONDS - 500)
    .catch((err: unknown) => logger.warn({ err }, 'the last push did not end in time'))
    .finally(() => clearTimeout(deadline))
    .then(() => exit())
}

function print(text: string): void {
  // `| head` closes the pipe when it has seen enough: no failure of ours.
  process.stdout.once('error', () => exit())
  process.stdout.write(text)
}

/** Says on stderr what went wrong, in words; gives the exit code. */
function explainFailure(error: unknown): number {
  const { message, code, syscall } = error as NodeJS.ErrnoException
  if (error instanceof ConfigError) {
    process.stderr.write(`${message}\n`)
    return EXIT_CONFIG
  }
  const hint =
    code === 'EADDRINUSE' ? '; another program has the port: choose one with --prometheus.port' : ''
  const isExpected = syscall !== undefined || error instanceof StartError
  const trace = !isExpected && error instanceof Error ? error.stack : message
  process.stderr.write(`otel-interrogator: ${trace}${hint}\n`)
  return EXIT_FAILURE
}
