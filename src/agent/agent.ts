/** The agent: wires collectors, snapshot, readers and web server together, starts them and ends them in order. */
import { MeterProvider, type MetricReader } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import { LoopDelay } from '../collectors/agent/loop-delay.ts'
import type { Rules } from '../collectors/process-groups/rules/matcher.ts'
import { ReplaceableRules } from '../collectors/process-groups/rules/replaceable-rules.ts'
import { createRules } from '../collectors/process-groups/rules/rules.ts'
import type { Config } from '../config/config.ts'
import { mostKeptFiles } from '../kernel/own-limit.ts'
import { OtlpReader } from '../telemetry/otlp/reader.ts'
import { PrometheusReader } from '../telemetry/prometheus/reader.ts'
import { type CollectorRun, Sampler } from '../telemetry/sampler.ts'
import { snapshotProducer } from '../telemetry/snapshot-producer.ts'
import { startWebServer, type WebServer } from '../web/server.ts'
import { createCollectors } from './collectors.ts'
import { openProcfs } from './procfs.ts'
import { collectionInterval, Recording } from './recording.ts'
import { createResource } from './resource.ts'
import { createRoutes, readProtection, webLimits } from './server.ts'
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
/** The longest that a timer of Node can wait for. */
const LONGEST_INTERVAL = 2 ** 31 - 1

/**
 * Starts the agent.
 *
 * @throws Error when procfs can't be read or the port can't be had; nothing is left running then.
 */
export async function startAgent(
  config: Config,
  version: string,
  logger: Logger,
  procfs = openProcfs(config, {
    openFiles: mostKeptFiles(config.process_groups.open_files),
    onBlocked: (path) =>
      logger.warn(
        { path },
        'reading a file of a process blocks: its memory map is locked, often by a file system that does not answer; what the file says is missing until it does',
      ),
  }),
): Promise<Agent> {
  const hasServer = config.exporters.includes('prometheus')
  const protection = hasServer ? readProtection(config.web, logger) : undefined
  const runs = new Map<string, CollectorRun>()
  let otlp: OtlpReader | undefined
  let isStopping = false
  const loopDelay = new LoopDelay()
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
  const observed = {
    version,
    runs: () => runs.values(),
    exports: () => otlp?.counts,
    nameSources: directory.sources,
    loopDelay,
  }
  const recording = new Recording(config, logger)
  const { meters, vocabulary, sampled } = createCollectors(config, rules, procfs, workloads, {
    ...observed,
    notify: (message) => logger.warn(message),
    peaks: () => recording.peaks(),
  })
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
  const readers: MetricReader[] = [prometheus]
  if (config.exporters.includes('otlp')) {
    // The last push of a stop carries what is true then.
    const sharedAge = () => (isStopping ? 0 : config.otlp.interval)
    const producer = snapshotProducer(sampler, vocabulary, config.otlp.naming, sharedAge)
    otlp = new OtlpReader({ producer, settings: config.otlp, logger })
    readers.push(otlp)
  }
  const provider = new MeterProvider({
    resource: createResource(config, version, process.env),
    readers,
  })

  // The first collection sets the baseline of all counters; it also shows at once what can't be read. With the names
  // of what runs already no series begins without them.
  const first = waitForNames(directory, NAMES_MILLISECONDS).then(() => sampler.snapshot())
  let server: WebServer | undefined
  if (hasServer) {
    const routes = createRoutes(config, version, sampler, prometheus, runs)
    server = await startWebServer({
      ...config.prometheus,
      routes,
      protection,
      limits: webLimits(config.web),
    })
    logger.info({ url: server.url + config.prometheus.path }, 'serving metrics')
  }
  await first
  recording.start(sampler)
  const interval = collectionInterval(config)
  const collecting =
    interval > 0 ? setInterval(() => void sampler.snapshot(interval / 2), interval) : undefined
  // The timers of the push side don't hold the process, for a stop must not wait for them: without a server
  // nothing else would.
  const alive = setInterval(() => {}, LONGEST_INTERVAL)
  return {
    url: server?.url,
    reloadRules: (read) => rules.reload(read),
    scrape: () => prometheus.scrape(),
    stop: async (milliseconds) => {
      isStopping = true
      clearInterval(alive)
      clearInterval(collecting)
      recording.close()
      directory.close()
      await Promise.all([
        server?.close(milliseconds),
        provider.shutdown({ timeoutMillis: milliseconds }),
      ])
      procfs.close()
    },
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
