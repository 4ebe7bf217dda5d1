/** The agent: wires collectors, snapshot, readers and web server together, starts them and ends them in order. */
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import { LoopDelay } from '../collectors/agent/loop-delay.ts'
import type { Rules } from '../collectors/process-groups/rules/matcher.ts'
import { ReplaceableRules } from '../collectors/process-groups/rules/replaceable-rules.ts'
import { createRules } from '../collectors/process-groups/rules/rules.ts'
import type { Config } from '../config/config.ts'
import { mostKeptFiles } from '../kernel/own-limit.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { OtlpReader } from '../telemetry/otlp/reader.ts'
import { PrometheusReader } from '../telemetry/prometheus/reader.ts'
import { type CollectorRun, Sampler } from '../telemetry/sampler.ts'
import { snapshotProducer } from '../telemetry/snapshot-producer.ts'
import { startWebServer, type WebServer } from '../web/server.ts'
import { Cleanup } from './cleanup.ts'
import { createCollectors } from './collectors.ts'
import { openProcfs } from './procfs.ts'
import { collectionInterval, Recording } from './recording.ts'
import { createResource } from './resource.ts'
import { createRoutes, readProtection } from './server.ts'
import { configuredWorkloads, waitForNames } from './workloads.ts'

export interface Agent {
  /** Where it serves, if it does. */
  readonly url: string | undefined
  /**
   * Takes other rules; every process is judged again at the next collection.
   *
   * @throws whatever `read` throws; the rules stay as they are then.
   */
  reloadRules(read: () => Rules): void
  /** The Prometheus text of one collection. */
  scrape(): Promise<string>
  /** Pushes once more, then ends everything, within the milliseconds given. */
  stop(milliseconds: number): Promise<void>
}

/** How long the first collection waits for names. */
const NAMES_MILLISECONDS = 2000
const NEVER = new AbortController().signal
/** The longest that a timer of Node can wait for. */
const LONGEST_INTERVAL = 2 ** 31 - 1

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
  { procfs: given, signal = NEVER }: StartOptions,
  cleanup: Cleanup,
): Promise<Agent> {
  const procfs =
    given ??
    openProcfs(config, {
      openFiles: mostKeptFiles(config.process_groups.open_files),
      onBlocked: (path) =>
        logger.warn(
          { path },
          'reading a file of a process blocks: its memory map is locked, often by a file system that does not answer; what the file says is missing until it does',
        ),
    })
  cleanup.add(() => procfs.close())
  const hasServer = config.exporters.includes('prometheus')
  const protection = hasServer ? readProtection(config.web, logger) : undefined
  const runs = new Map<string, CollectorRun>()
  let otlp: OtlpReader | undefined
  let isStopping = false
  const loopDelay = new LoopDelay()
  cleanup.add(() => loopDelay.close())
  const rules = new ReplaceableRules(createRules(config))
  const { directory, workloads } = configuredWorkloads(config, procfs, (source, failure) => {
    if (failure === undefined) logger.info({ source }, 'source of names has recovered')
    else {
      logger.warn(
        { source, reason: failure.message },
        'source of names fails: names already known stay, new containers and pods have none',
      )
    }
  })
  cleanup.add(() => directory.close())
  const observed = {
    version,
    runs: () => runs.values(),
    exports: () => otlp?.counts,
    nameSources: directory.sources,
    loopDelay,
  }
  const recording = new Recording(config, logger)
  const { meters, vocabulary, sampled, close } = createCollectors(
    config,
    rules,
    procfs,
    workloads,
    {
      ...observed,
      notify: (message) => logger.warn(message),
      peaks: () => recording.peaks(),
    },
  )
  cleanup.add(close)
  const sampler = new Sampler({
    meters,
    sampled,
    onSnapshot: (snapshot) => recording.take(snapshot),
    maxAge: config.collection.max_age,
    onStart: () => loopDelay.watch(),
    onRun: (run) => {
      loopDelay.watch()
      reportChange(logger, runs.get(run.name), run)
      runs.set(run.name, run)
    },
  })
  const prometheus = new PrometheusReader({
    producer: snapshotProducer(sampler, vocabulary, config.prometheus.naming),
    targetInfo: config.prometheus.target_info,
    scopeLabels: config.prometheus.scope_labels,
    created: config.prometheus.created,
  })
  const resource = createResource(config, version, process.env)
  const served = new MeterProvider({ resource, readers: [prometheus] })
  cleanup.add(() => served.shutdown())
  cleanup.add((remaining) => sampler.close(remaining() / 2))

  let server: WebServer | undefined
  if (hasServer) {
    const routes = createRoutes(config, version, sampler, prometheus, runs)
    server = await startWebServer({
      ...config.prometheus,
      routes,
      protection,
      limits: config.web,
    })
    const { close } = server
    cleanup.add((remaining) => close(remaining()))
    logger.info({ url: server.url + config.prometheus.path }, 'serving metrics')
  }
  signal.throwIfAborted()
  // The first collection sets the baseline of all counters; it also shows at once what can't be read. With the names
  // of what runs already no series begins without them.
  const first = waitForNames(directory, NAMES_MILLISECONDS).then(() => sampler.snapshot())
  await untilAborted(first, signal)

  // Pushes come last, so that nothing is pushed by an agent that can't start.
  if (config.exporters.includes('otlp')) {
    // The last push of a stop carries what is true then.
    const sharedAge = () => (isStopping ? 0 : config.otlp.interval)
    const producer = snapshotProducer(sampler, vocabulary, config.otlp.naming, sharedAge)
    otlp = new OtlpReader({ producer, settings: config.otlp, logger })
    const pushed = new MeterProvider({ resource, readers: [otlp] })
    cleanup.add((remaining) => pushed.shutdown({ timeoutMillis: remaining() }))
  }
  recording.start(sampler)
  cleanup.add(() => recording.close())
  const interval = collectionInterval(config)
  if (interval > 0) {
    const collecting = setInterval(() => void sampler.snapshot(interval / 2), interval)
    cleanup.add(() => clearInterval(collecting))
  }
  // The timers of the push side don't hold the process, for a stop must not wait for them: without a server
  // nothing else would.
  const alive = setInterval(() => {}, LONGEST_INTERVAL)
  cleanup.add(() => clearInterval(alive))
  return {
    url: server?.url,
    reloadRules: (read) => rules.reload(read),
    scrape: () => prometheus.scrape(),
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

/** One line when a collector begins to fail or to have too many series, and one when it is well again. */
function reportChange(logger: Logger, before: CollectorRun | undefined, run: CollectorRun): void {
  const { name: collector, errors, series, dropped } = run
  if (dropped > 0 && (before?.dropped ?? 0) === 0) {
    const what = { collector, series, dropped }
    logger.warn(what, 'collector has more series than limits.series; those beyond are left out')
  }
  const hadErrors = (before?.errors.length ?? 0) > 0
  if (errors.length > 0 && !hadErrors) {
    logger.error({ collector, err: errors[0] }, 'collector failed; its metrics are missing')
  } else if (errors.length === 0 && hadErrors) {
    logger.info({ collector }, 'collector is well again')
  }
}
