/** The agent: wires collectors, snapshot, readers and web server together, starts them and ends them in order. */
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, type MetricReader } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import type { AgentSources } from './collectors/agent/collector.ts'
import { PSI_PREFIX } from './collectors/cgroups/definitions.ts'
import type { Rules } from './collectors/process-groups/rules/matcher.ts'
import { ReplaceableRules } from './collectors/process-groups/rules/replaceable-rules.ts'
import { createRules } from './collectors/process-groups/rules/rules.ts'
import { COLLECTORS, type CollectorSettings, type CollectorSources } from './collectors/registry.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './config/problems.ts'
import { readWebConfig } from './config/web-config/web-config.ts'
import { readMachine } from './kernel/machine.ts'
import { Procfs } from './kernel/procfs/procfs.ts'
import { ObservableMeter } from './telemetry/meter.ts'
import { OtlpReader } from './telemetry/otlp/reader.ts'
import { PrometheusReader } from './telemetry/prometheus/reader.ts'
import { CONTENT_TYPE } from './telemetry/prometheus/serializer.ts'
import { type CollectorRun, Sampler } from './telemetry/sampler.ts'
import { snapshotProducer } from './telemetry/snapshot-producer.ts'
import { now } from './telemetry/time.ts'
import { TimeSlice } from './telemetry/time-slice.ts'
import { Vocabulary } from './telemetry/vocabulary.ts'
import { metricsRoute } from './web/metrics-route.ts'
import { Reloaded } from './web/protection/reloaded.ts'
import { psiRoute } from './web/psi-route.ts'
import { plainText, type Route } from './web/reply.ts'
import { type Protection, startWebServer, type WebServer } from './web/server.ts'
import { statusRoute } from './web/status-page.ts'
import { createWorkloads } from './workloads/create.ts'
import { SourceError } from './workloads/sources/sources.ts'
import { userNames } from './workloads/users.ts'
import type { Workloads } from './workloads/workloads.ts'

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

/** How long a collection may hold the event loop in one piece. */
const SLICE_MILLISECONDS = 10
const CGROUP_ROOT = '/sys/fs/cgroup'
/** How long the first collection waits for names. */
const NAMES_MILLISECONDS = 2000
/** The longest that a timer of Node can wait for. */
const LONGEST_INTERVAL = 2 ** 31 - 1

/**
 * Starts the agent.
 *
 * @throws Error when procfs can't be read or the port can't be had; nothing is left running then.
 */
export async function startAgent(config: Config, version: string, logger: Logger): Promise<Agent> {
  const hasServer = config.exporters.includes('prometheus')
  const protection = hasServer ? readProtection(config.web.config_file, logger) : undefined
  const runs = new Map<string, CollectorRun>()
  let otlp: OtlpReader | undefined
  const rules = new ReplaceableRules(createRules(config))
  const procfs = new Procfs(config.procfs.root)
  const { directory, workloads } = startWorkloads(config, procfs, logger)
  const observed = {
    version,
    runs: () => runs.values(),
    exports: () => otlp?.counts,
    nameSources: directory.sources,
  }
  const { meters, vocabulary } = createCollectors(config, rules, procfs, workloads, {
    ...observed,
    notify: (message) => logger.warn(message),
  })
  const sampler = new Sampler({
    meters,
    maxAge: config.collection.max_age,
    onRun: (run) => {
      reportChange(logger, runs.get(run.name), run)
      runs.set(run.name, run)
    },
  })
  const prometheus = new PrometheusReader({
    producer: snapshotProducer(sampler, vocabulary, config.prometheus.naming),
    targetInfo: config.prometheus.target_info,
    scopeLabels: config.prometheus.scope_labels,
  })
  const readers: MetricReader[] = [prometheus]
  if (config.exporters.includes('otlp')) {
    const producer = snapshotProducer(sampler, vocabulary, config.otlp.naming)
    otlp = new OtlpReader({ producer, settings: config.otlp, logger })
    readers.push(otlp)
  }
  const provider = new MeterProvider({ resource: createResource(config, version), readers })

  // With the names of what runs already no series begins without them.
  await Promise.race([directory.refresh(), delay(NAMES_MILLISECONDS, undefined, { ref: false })])
  // The first collection sets the baseline of all counters; it also shows at once what can't be read.
  const first = sampler.snapshot()
  let server: WebServer | undefined
  if (hasServer) {
    const routes = createRoutes(config, version, sampler, prometheus, runs)
    server = await startWebServer({ ...config.prometheus, routes, protection })
    logger.info({ url: server.url + config.prometheus.path }, 'serving metrics')
  }
  await first
  // The timers of the push side don't hold the process, for a stop must not wait for them: without a server
  // nothing else would.
  const alive = setInterval(() => {}, LONGEST_INTERVAL)
  return {
    url: server?.url,
    reloadRules: (read) => rules.reload(read),
    scrape: () => prometheus.scrape(),
    stop: async (milliseconds) => {
      clearInterval(alive)
      directory.close()
      await Promise.all([
        server?.close(milliseconds),
        provider.shutdown({ timeoutMillis: milliseconds }),
      ])
    },
  }
}

function startWorkloads(config: Config, procfs: Procfs, logger: Logger) {
  try {
    return createWorkloads(config.workloads, {
      procfs,
      cgroupRoot: config.cgroups.root ?? CGROUP_ROOT,
      nodeName: config.node.name,
      environment: process.env,
      onChange: (source, failure) => {
        if (failure === undefined) logger.info({ source }, 'names come again')
        else logger.warn({ source, reason: failure.message }, 'no names from here; known ones stay')
      },
    })
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    throw new ConfigError([{ source: 'workloads.sources', message: error.message }])
  }
}

function createCollectors(
  config: Config,
  rules: ReplaceableRules,
  procfs: Procfs,
  workloads: Workloads,
  observed: AgentSources & Pick<CollectorSources, 'notify'>,
): { meters: ObservableMeter[]; vocabulary: Vocabulary } {
  const { process_names, process_groups, compat } = config
  const strict = compat.process_exporter === 'strict'
  const hasOwnRules = process_names !== undefined || process_groups.procnames !== ''
  const settings: CollectorSettings = {
    cgroups: { ...config.cgroups, root: config.cgroups.root ?? CGROUP_ROOT },
    process_groups: {
      ...process_groups,
      rules,
      strict,
      by_workload:
        process_groups.by_workload === 'auto' ? !hasOwnRules : process_groups.by_workload,
    },
  }
  const sources = {
    procfs,
    workloads,
    machine: readMachine(),
    username: userNames(),
    slice: new TimeSlice(SLICE_MILLISECONDS),
    ...observed,
  }
  const start = now()
  const enabled = COLLECTORS.filter(({ isEnabled }) => isEnabled(settings))
  const meters = enabled.map(({ name, register }) => {
    const meter = new ObservableMeter({ name, version: observed.version }, start)
    register(meter, settings, sources)
    return meter
  })
  const vocabulary = new Vocabulary(
    enabled.flatMap(({ tables }) => tables),
    (name) => name.replace(new RegExp(`^${PSI_PREFIX}(?=_)`), config.classic.psi_prefix),
  )
  return { meters, vocabulary }
}

/** @throws ConfigError when the file is wrong. */
function readProtection(file: string | undefined, logger: Logger): (() => Protection) | undefined {
  if (file === undefined || file === '') return undefined
  const hasTls = ({ tls }: Protection) => tls !== undefined
  const reloaded = new Reloaded<Protection>({
    read: (onFile) => readWebConfig(file, onFile),
    refuse: (current, next) =>
      hasTls(current) === hasTls(next)
        ? undefined
        : `${file}: whether there is TLS can't change while running; start the agent again`,
    onReload: (problems) => {
      if (problems === undefined) logger.info({ file }, 'web configuration is reloaded')
      else logger.error({ problems }, 'web configuration is not reloaded, the old one stays')
    },
  })
  return () => reloaded.current()
}

function createRoutes(
  config: Config,
  version: string,
  sampler: Sampler,
  prometheus: PrometheusReader,
  runs: ReadonlyMap<string, CollectorRun>,
): ReadonlyMap<string, Route> {
  const { path, max_scrapes } = config.prometheus
  const metrics = metricsRoute({
    contentType: CONTENT_TYPE,
    scrape: () => prometheus.scrape(),
    maxScrapes: max_scrapes,
  })
  const status = () => ({ version, uptimeSeconds: process.uptime(), runs: [...runs.values()] })
  const healthy = () => plainText(200, 'ok\n')
  return new Map<string, Route>([
    ['/', statusRoute([path, '/psi', '/healthz', '/readyz'], status)],
    [path, metrics],
    ['/psi', psiRoute(() => sampler.snapshot())],
    ['/healthz', healthy],
    // As the pressure daemonset called it.
    ['/health', healthy],
    [
      '/readyz',
      () =>
        sampler.latest === undefined
          ? plainText(503, 'the first collection is under way\n')
          : plainText(200, 'ok\n'),
    ],
  ])
}

function createResource(config: Config, version: string) {
  return resourceFromAttributes({
    'host.name': config.node.name ?? hostname(),
    ...Object.fromEntries(config.resource.attributes),
    'service.name': config.service.name,
    'service.version': version,
  })
}

/** One line when a collector begins to fail, and one when it is well again. */
function reportChange(logger: Logger, before: CollectorRun | undefined, run: CollectorRun): void {
  const { name: collector, errors } = run
  const hadErrors = (before?.errors.length ?? 0) > 0
  if (errors.length > 0 && !hadErrors) {
    logger.error({ collector, err: errors[0] }, 'collector failed; its metrics are missing')
  } else if (errors.length === 0 && hadErrors) {
    logger.info({ collector }, 'collector is well again')
  }
}
