/** The agent: wires collectors, snapshot, readers and web server together, starts them and ends them in order. */
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import type { Rules } from '../collectors/process-groups/classify/matcher.ts'
import type { Config } from '../config/config.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { OtlpReader } from '../telemetry/otlp/reader.ts'
import { PrometheusReader } from '../telemetry/prometheus/reader.ts'
import { startWebServer, type WebServer } from '../web/server.ts'
import { Cleanup } from './cleanup.ts'
import { openCollection } from './collection.ts'
import { MemoryReducer, ofThisProcess } from './memory-reducer.ts'
import { apiSources } from './page.ts'
import { createResource } from './resource.ts'
import { createRoutes, readProtection } from './server.ts'

/** A running agent. */
export interface Agent {
  /** Where it serves, if it does. */
  readonly url: string | undefined
  /** Names of the sources of names that are asked. */
  readonly nameSources: readonly string[]
  /**
   * Replaces the rules; every process is classified again at the next collection.
   *
   * @throws whatever `read` throws; the rules stay as they are then.
   */
  reloadRules(read: () => Rules): void
  /** The Prometheus text of one collection. */
  scrape(): Promise<string>
  /** Pushes once more, then ends everything, within the milliseconds given. */
  stop(milliseconds: number): Promise<void>
}

const NEVER = new AbortController().signal
/** The longest that a timer of Node can wait for. */
const MAX_INTERVAL = 2 ** 31 - 1

/** Options of a start, for commands and tests. */
export interface StartOptions {
  /** What processes are read from, if not the procfs of the configuration. */
  readonly procfs?: Procfs
  /** Gives the start up when it aborts. */
  readonly signal?: AbortSignal
}

/**
 * Starts the agent.
 *
 * @throws StartError when there is no procfs; NodeJS.ErrnoException when the port can't be had; the reason of the
 *   signal. Nothing is left running then.
 */
export async function startAgent(
  config: Config,
  version: string,
  logger: Logger,
  options: StartOptions = {},
): Promise<Agent> {
  const cleanup = new Cleanup()
  try {
    return await start(config, version, logger, options, cleanup)
  } catch (error) {
    await cleanup.run(0)
    throw error
  }
}

/** Adds to `cleanup` how to end what it has begun, step by step. */
async function start(
  config: Config,
  version: string,
  logger: Logger,
  { procfs, signal = NEVER }: StartOptions,
  cleanup: Cleanup,
): Promise<Agent> {
  const hasServer = config.exporters.includes('prometheus')
  const protection = hasServer ? readProtection(config.web, logger) : undefined
  let otlp: OtlpReader | undefined
  let isStopping = false
  const reducer = new MemoryReducer(ofThisProcess(config.agent.seccomp !== 'off'))
  cleanup.add(() => reducer.close())
  const collection = openCollection(
    {
      config,
      version,
      logger,
      procfs,
      exports: () => otlp?.counts,
      onCollecting: () => reducer.suspend(),
      onCollected: (size) => reducer.resume(size),
    },
    cleanup,
  )
  const prometheus = new PrometheusReader({
    producer: collection.producer(config.prometheus.naming),
    ...config.prometheus,
  })
  const resource = createResource(config, version, process.env)
  const served = new MeterProvider({ resource, readers: [prometheus] })
  cleanup.add(() => served.shutdown())

  let server: WebServer | undefined
  if (hasServer) {
    const api = apiSources({ config, version, protection, exports: () => otlp?.counts, collection })
    const routes = createRoutes(config, collection.sampler, prometheus, api)
    server = await startWebServer({
      ...config.prometheus,
      routes,
      protection,
      limits: config.web,
    })
    const { close } = server
    cleanup.add((remaining) => close(remaining()))
    const what = { url: `${server.url}/`, metrics: server.url + config.prometheus.path }
    logger.info(what, 'serving the page and metrics')
  }
  signal.throwIfAborted()
  await untilAborted(collection.begin(), signal)

  // Pushes come last, so that nothing is pushed by an agent that can't start.
  if (config.exporters.includes('otlp')) {
    // The last push of a stop carries what is true then.
    const sharedAge = () => (isStopping ? 0 : config.otlp.interval)
    const producer = collection.producer(config.otlp.naming, sharedAge)
    const reader = new OtlpReader({ producer, settings: config.otlp, logger })
    otlp = reader
    const pushed = new MeterProvider({ resource, readers: [reader] })
    cleanup.add((remaining) => {
      reader.limitStop(remaining())
      return pushed.shutdown()
    })
  }
  collection.start()
  // A stop must not wait for the timers of the push side, so they don't keep the process alive. Without a server
  // nothing else would.
  const alive = setInterval(() => {}, MAX_INTERVAL)
  cleanup.add(() => clearInterval(alive))
  return {
    url: server?.url,
    nameSources: collection.nameSources.map(({ source }) => source.name),
    reloadRules: (read) => collection.rules.reload(read),
    scrape: async () => Buffer.concat(await prometheus.scrape()).toString(),
    stop: (milliseconds) => {
      isStopping = true
      return cleanup.run(milliseconds)
    },
  }
}

/** @throws the reason of the signal. */
async function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    signal.throwIfAborted()
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
