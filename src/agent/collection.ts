/** All that collects, as the configuration says, behind one sampler: what the agent's readers and the library share. */
import type { MetricProducer } from '@opentelemetry/sdk-metrics'
import type { Logger } from 'pino'
import type { AgentSources } from '../collectors/agent/collector.ts'
import { LoopDelay } from '../collectors/agent/loop-delay.ts'
import { ReplaceableRules } from '../collectors/process-groups/classify/replaceable-rules.ts'
import { createRules } from '../collectors/process-groups/classify/rules.ts'
import type { Config } from '../config/config.ts'
import type { Members } from '../entities/group-members.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { maxCachedDescriptors } from '../kernel/rlimit.ts'
import type { Naming } from '../telemetry/definitions.ts'
import { type CollectorRun, Sampler } from '../telemetry/sampler.ts'
import { snapshotProducer } from '../telemetry/snapshot-producer.ts'
import type { SourceCache } from '../workloads/source-cache.ts'
import type { Workloads } from '../workloads/workloads.ts'
import type { Cleanup } from './cleanup.ts'
import { createCollectors } from './collectors.ts'
import { openProcfs } from './procfs.ts'
import { collectByItself, Recording } from './recording.ts'
import { configuredWorkloads, waitForNames } from './workloads.ts'

/** What the collection is made from. */
export interface CollectionOptions {
  readonly config: Config
  readonly version: string
  readonly logger: Logger
  readonly procfs?: Procfs | undefined
  /** Outcomes of pushes, for the agent's own metrics. */
  readonly exports?: AgentSources['exports']
  /** Called when a collection begins. */
  readonly onCollecting?: () => void
  /** Called after each collection, with the number of processes and series that there are. */
  readonly onCollected?: (size: number) => void
}

/** The collectors behind their sampler, and what readers and routes need of them. */
export interface Collection {
  readonly rules: ReplaceableRules
  readonly sampler: Sampler
  /** The last run of each collector, by its name. */
  readonly runs: ReadonlyMap<string, CollectorRun>
  readonly recording: Recording
  /** Where the processes of the groups are found. */
  readonly members: Members
  readonly workloads: Workloads
  /** Sources of the names of containers and pods. */
  readonly nameSources: readonly SourceCache[]
  /** A producer for a reader of its own; see `snapshotProducer`. */
  producer(namings: readonly Naming[], sharedAge?: () => number): MetricProducer
  /**
   * Makes the first collection, which sets the baseline of all counters and shows at once what can't be read. With the
   * names of what runs already no series begins without them.
   */
  begin(): Promise<void>
  /** Begins what goes on by itself: the recorder, and collections at intervals. */
  start(): void
}

/** How long the first collection waits for names. */
const NAMES_MILLISECONDS = 2000

/**
 * Opens what is collected from, and creates the collectors and the sampler; nothing is collected yet.
 *
 * @param cleanup ends what has been begun, also when this throws.
 * @throws StartError when there is no procfs, ConfigError when a source of names that is asked for can't be had.
 */
export function openCollection(
  {
    config,
    version,
    logger,
    procfs = configuredProcfs(config, logger),
    exports = () => undefined,
    onCollecting,
    onCollected,
  }: CollectionOptions,
  cleanup: Cleanup,
): Collection {
  cleanup.add(() => procfs.close())
  const runs = new Map<string, CollectorRun>()
  const loopDelay = new LoopDelay()
  cleanup.add(() => loopDelay.close())
  const rules = new ReplaceableRules(createRules(config))
  const { resolver, workloads } = configuredWorkloads(config, procfs, (source, failure) => {
    if (failure === undefined) logger.info({ source }, 'source of names has recovered')
    else {
      logger.warn(
        { source, reason: failure.message },
        'source of names fails: names already known stay, new containers and pods have none',
      )
    }
  })
  cleanup.add(() => resolver.close())
  const recording = new Recording(config, logger)
  cleanup.add(() => recording.close())
  const { meters, translation, usage, members, close } = createCollectors(
    config,
    rules,
    procfs,
    workloads,
    {
      version,
      runs: () => runs.values(),
      exports,
      nameSources: resolver.sources,
      loopDelay,
      notify: (message) => logger.warn(message),
      peaks: () => recording.peaks(),
    },
  )
  cleanup.add(close)
  const sampler = new Sampler({
    meters,
    onSnapshot: (snapshot) => {
      recording.take(snapshot)
      const series = runs.values().reduce((sum, run) => sum + run.series, 0)
      onCollected?.(procfs.count + series)
    },
    maxAge: config.collection.max_age,
    onStart: () => {
      onCollecting?.()
      loopDelay.watch()
    },
    onRun: (run) => {
      loopDelay.watch()
      reportChange(logger, runs.get(run.name), run)
      runs.set(run.name, run)
    },
  })
  cleanup.add((remaining) => sampler.close(remaining() / 2))
  return {
    rules,
    sampler,
    runs,
    recording,
    members,
    workloads,
    nameSources: resolver.sources,
    producer: (namings, sharedAge) => snapshotProducer(sampler, translation, namings, sharedAge),
    begin: async () => {
      await waitForNames(resolver, NAMES_MILLISECONDS)
      await sampler.snapshot()
    },
    start: () => {
      recording.start(sampler, usage.source)
      // Before the sampler is closed, so that no sample begins then.
      cleanup.add(() => recording.close())
      cleanup.add(collectByItself(config, sampler))
    },
  }
}

function configuredProcfs(config: Config, logger: Logger): Procfs {
  return openProcfs(config, {
    openFiles: maxCachedDescriptors(config.process_groups.open_files),
    onBlocked: (path) =>
      logger.warn(
        { path },
        'reading a file of a process blocks: its memory map is locked, often by a file system that does not answer; what the file says is missing until it does',
      ),
  })
}

/** Logs when a collector begins to fail or to have too many series, and when it has recovered. */
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
    logger.info({ collector }, 'collector has recovered')
  }
}
