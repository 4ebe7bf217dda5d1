/** The command `run`: the agent, until a signal ends it. */
import type { Logger } from 'pino'
import { type Agent, startAgent } from '../agent/agent.ts'
import { exit } from '../agent/exit.ts'
import { createLogger } from '../agent/logger.ts'
import { restrictProcess } from '../agent/seccomp.ts'
import { createRules } from '../collectors/process-groups/classify/rules.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ChangedFiles } from '../lib/changed-files.ts'
import type { EndSignal, Signals } from './signals.ts'

/** How an agent is run. */
export interface RunOptions {
  /** Gives the configuration as it is now. */
  readonly load: () => LoadedConfig
  /** The file whose changes reload the rules; undefined for none. */
  readonly watched: string | undefined
  readonly version: string
  readonly signals: Signals
}

/** By polling, not by inotify: a ConfigMap's file is a link to one in a directory that is replaced. */
const WATCH_MILLISECONDS = 5000
const EXIT_FAILURE = 1
/** Milliseconds after a signal within which the process ends. */
const STOP_MILLISECONDS = 4500

/**
 * Runs the agent.
 *
 * @returns the exit code, when a signal has ended it.
 * @throws ConfigError, StartError and errors of the system when the agent can't start; nothing is left running then.
 */
export async function run({ load, watched, version, signals }: RunOptions): Promise<number> {
  const changes = new ChangedFiles()
  if (watched !== undefined) changes.note(watched)
  const { config, warnings } = load()
  const { logger, flush } = createLogger(config.log.level)
  for (const warning of warnings) logger.warn(warning)
  logger.debug(
    'to see which rule puts a process into its group: otel-interrogator explain PID, or explain --all',
  )
  const ended = Promise.withResolvers<void>()
  const stopping = new AbortController()
  let agent: Agent | undefined
  let hasToReload = false
  signals.handle({
    onEnd: (signal) => {
      endInTime(logger, signal)
      stopping.abort()
      ended.resolve()
    },
    onReload: () => {
      if (agent === undefined) hasToReload = true
      else reloadRules(agent, logger, load)
    },
  })
  try {
    agent = await startAgent(config, version, logger, { signal: stopping.signal })
  } catch (error) {
    if (!stopping.signal.aborted) throw error
    await flush()
    return 0
  }
  await restrictProcess(config, agent.nameSources, logger)
  logger.info({ version, node: process.version, exporters: config.exporters }, 'started')
  const started = agent
  const reload = () => reloadRules(started, logger, load)
  // The configuration may have changed after it was read.
  if (hasToReload) reload()
  const watching = setInterval(() => {
    if (watched === undefined || !changes.haveChanged()) return
    changes.note(watched)
    reload()
  }, WATCH_MILLISECONDS)
  await ended.promise
  clearInterval(watching)
  await started
    .stop(STOP_MILLISECONDS - 500)
    .catch((err: unknown) => logger.warn({ err }, 'the agent did not stop in good order'))
  await flush()
  return 0
}

/** Takes the rules anew; when they are wrong, the old ones stay. */
function reloadRules(agent: Agent, logger: Logger, load: () => LoadedConfig): void {
  try {
    agent.reloadRules(() => {
      const { config, warnings } = load()
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

/** Ends the process when the agent takes too long to stop. */
function endInTime(logger: Logger, signal: EndSignal): void {
  logger.info({ signal }, 'stopping')
  setTimeout(() => exit(EXIT_FAILURE), STOP_MILLISECONDS).unref()
}
