/** The recorder as the configuration wants it, with what it is fed by. */
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import type { EntityPeaks } from '../collectors/peaks/collector.ts'
import { PROCESS_GROUPS } from '../collectors/process-groups/collector.ts'
import type { Config } from '../config/config.ts'
import { NodeUsageReader } from '../kernel/procfs/node-usage.ts'
import { readSystemConstants } from '../kernel/system-constants.ts'
import type { RecordedEntity } from '../recorder/entity.ts'
import { PEAK_WINDOW, Recorder } from '../recorder/recorder.ts'
import { RecorderSchedule } from '../recorder/schedule.ts'
import type { UsageSource } from '../recorder/usage.ts'
import type { Sampler, Snapshot } from '../telemetry/sampler.ts'
import type { Observation } from '../web/api/live.ts'

/** Milliseconds between collections where a recorder needs them and nothing says how often: as often as most people scrape. */
const RECORDED_INTERVAL = 15_000
/** Milliseconds between complete ones where samples have all of cgroups but their limits and faults; less while the page is open. */
const COMPLETE_INTERVAL = 120_000
const COMPLETE_LOOK = 60_000
/** What samples do not have. */
const UNSAMPLED: ReadonlySet<string> = new Set([PROCESS_GROUPS.name])
/** Milliseconds between two looks at whether scrapes and pushes have collected meanwhile. */
const RECORDED_LOOK = 1000

/** Milliseconds between collections while the page is open: bounds of an interval that depends on their cost. */
const MIN_LOOK = 1500
const LOOK_FACTOR = 60
const MAX_LOOK = 15_000
/** Milliseconds without a request after which the page counts as closed. */
const VIEW_PATIENCE = 60_000
const VIEW_BYTES = 64 * 1024 ** 2

/** Milliseconds between the agent's own collections; 0 for none. */
function collectionInterval({ collection, recorder }: Config): number {
  return collection.interval === 0 && recorder.enabled ? RECORDED_INTERVAL : collection.interval
}

/** What says when the agent collects by itself. */
interface OwnCollections {
  readonly collection: Pick<Config['collection'], 'interval'>
  readonly recorder: Pick<Config['recorder'], 'enabled'>
  readonly cgroups: Pick<Config['cgroups'], 'enabled'>
}

/**
 * Begins the collections that the agent makes by itself: at `collection.interval`, or for the recorder. For that it collects only
 * where no scrape and no push has for a while: each of these is recorded, too. What it samples by itself is then left out most
 * of the time.
 *
 * @returns what ends them.
 */
export function collectByItself(
  { collection: { interval }, recorder, cgroups }: OwnCollections,
  sampler: Pick<Sampler, 'snapshot' | 'refresh'>,
): () => void {
  if (interval === 0 && !recorder.enabled) return () => {}
  const collect = async () => {
    if (interval > 0) await sampler.snapshot(interval / 2)
    else if (!cgroups.enabled) await sampler.snapshot(RECORDED_INTERVAL)
    else {
      await sampler.snapshot(COMPLETE_INTERVAL)
      await sampler.refresh(UNSAMPLED, RECORDED_INTERVAL)
    }
  }
  const timer = setInterval(() => void collect(), interval > 0 ? interval : RECORDED_LOOK)
  return () => clearInterval(timer)
}

/** The recorder with its schedule, and the short-lived one of a page where no recorder is enabled. */
export class Recording {
  /** Undefined where none is wanted. */
  readonly recorder: Recorder | undefined
  readonly #config: Config
  readonly #node: NodeUsageReader
  readonly #logger: Logger
  /** While the page is open and no recorder is enabled: the last values, without a past. */
  #view: Recorder | undefined
  #viewTimer: NodeJS.Timeout | undefined
  #sampler: Sampler | undefined
  /** Milliseconds of CPU that the last collection for the page took. */
  #cost = 0
  #schedule: RecorderSchedule | undefined
  #hasFailed = false

  constructor(config: Config, logger: Logger) {
    this.#config = config
    this.#logger = logger
    this.#node = new NodeUsageReader(config.procfs.root, readSystemConstants().ticksPerSecond)
    const { enabled, interval, window, max_memory } = config.recorder
    if (!enabled) return
    this.recorder = new Recorder({
      interval,
      window,
      max_memory,
      hasSamples: config.cgroups.enabled,
      ...this.#node.size(),
    })
  }

  /** Takes the snapshot of a collection. */
  take(snapshot: Snapshot): void {
    const recorder = this.recorder ?? this.#view
    if (recorder === undefined) return
    try {
      if (recorder.options.hasSamples) recorder.record(snapshot)
      else recorder.record(snapshot, this.#node.usage())
    } catch (error) {
      // The snapshot is served all the same.
      this.#report(error)
    }
  }

  #report(err: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#logger.error({ err }, 'recorder failed; what it shows has gaps. Said once')
  }

  /**
   * Begins to take samples; says what is recorded, and how finely.
   *
   * @param source of samples of cgroups; undefined where cgroups are not read.
   */
  start(sampler: Sampler, source: UsageSource | undefined): void {
    this.#sampler = sampler
    if (this.recorder === undefined) return
    const { interval, window, max_memory, hasSamples } = this.recorder.options
    if (source !== undefined) {
      this.#schedule = new RecorderSchedule(
        this.recorder,
        source,
        sampler,
        () => this.#node.usage(),
        (error) => this.#report(error),
      )
    }
    const { process_groups } = this.#config
    this.#logger.info(
      {
        cgroups: hasSamples ? seconds(interval) : 'none',
        process_groups: process_groups.enabled ? seconds(collectionInterval(this.#config)) : 'none',
        window: seconds(window),
        max_memory,
      },
      'recording; process groups are read from procfs as often as collection.interval says',
    )
  }

  /** What is known of groups, containers and pods, those that ended in the last minute among them. */
  *peaks(): Generator<EntityPeaks> {
    const { recorder } = this
    if (recorder === undefined) return
    for (const entity of recorder.entities()) {
      const { kind, attributes, workload, lastSeen, peaks } = entity
      if (peaks === undefined || recorder.isOthers(entity)) continue
      if (kind === 'node' || kind === 'cgroup') continue
      if (entity.hasEnded && lastSeen + PEAK_WINDOW / 1000 < recorder.at) continue
      yield { kind, attributes, workload, peak: (figure) => entity.peak(figure, recorder.at) }
    }
  }

  /**
   * What is recorded, no older than the page needs. Without a recorder there are the last values, as long as the page is
   * open.
   */
  async look(): Promise<Observation> {
    const recorder = this.recorder ?? this.#keepView()
    // For the page, collections may take two percent of a CPU.
    const interval = Math.min(Math.max(MIN_LOOK, this.#cost * LOOK_FACTOR), MAX_LOOK)
    // Less than that: two questions a second apart are to have two answers.
    await this.#collect(interval * 0.75)
    const own = collectionInterval(this.#config)
    return {
      recorder,
      hasPast: this.recorder !== undefined,
      groupInterval: own > 0 ? Math.min(own, interval) : interval,
      node: this.#config.node.name ?? hostname(),
    }
  }

  /** Collects what is older than that, in milliseconds; what samples have may be older. */
  async #collect(maxAge: number): Promise<void> {
    const sampler = this.#sampler
    if (sampler === undefined) return
    const before = sampler.latest
    const isSampled = this.#schedule !== undefined
    const start = process.cpuUsage()
    const complete = await sampler.snapshot(isSampled ? COMPLETE_LOOK : maxAge)
    const hasCollected = isSampled ? await sampler.refresh(UNSAMPLED, maxAge) : complete !== before
    if (!hasCollected) return
    const { user, system } = process.cpuUsage(start)
    this.#cost = (user + system) / 1000
  }

  /** An entity by its id in the API. */
  find(id: number): RecordedEntity | undefined {
    return (this.recorder ?? this.#view)?.get(id)
  }

  #keepView(): Recorder {
    const options = { interval: 1000, window: 5000, max_memory: VIEW_BYTES, hasSamples: false }
    this.#view ??= new Recorder({ ...options, ...this.#node.size() })
    clearTimeout(this.#viewTimer)
    this.#viewTimer = setTimeout(() => {
      this.#view = undefined
    }, VIEW_PATIENCE)
    this.#viewTimer.unref()
    return this.#view
  }

  /** Ends the schedule and closes the files of the node's usage; may be called again. */
  close(): void {
    clearTimeout(this.#viewTimer)
    this.#schedule?.close()
    this.#node.close()
  }
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000}s`
}
