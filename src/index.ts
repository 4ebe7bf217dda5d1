/** The agent as a library: a MetricProducer for the readers of any Node.js program. */

import type { Resource } from '@opentelemetry/resources'
import type { MetricProducer } from '@opentelemetry/sdk-metrics'
import { type Logger, pino } from 'pino'
import { Cleanup } from './agent/cleanup.ts'
import { type Collection, openCollection } from './agent/collection.ts'
import { loadConfiguration, settingFlags } from './agent/configuration.ts'
import { createResource } from './agent/resource.ts'
import { readVersion } from './version.ts'

/** The names that metrics have: OpenTelemetry's, those of process-exporter and its like, or cAdvisor's. */
export type MetricNaming = 'otel' | 'classic' | 'cadvisor'

/** What is to be said to people: a pino logger, or one like it. */
export interface InterrogatorLogger {
  info(fields: object | string, message?: string): void
  warn(fields: object | string, message?: string): void
  error(fields: object | string, message?: string): void
}

/** Options of `openInterrogator`. */
export interface InterrogatorOptions {
  /** The path of a configuration file, as of `--config`. */
  readonly file?: string
  /**
   * Settings by their path, such as `{'process_groups.threads': false}`, as flags of the agent would give them. They
   * count over the file. What is about serving and pushing has no effect: that is up to the program's readers.
   */
  readonly settings?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** Variables to take settings from, such as `process.env`; none unless they are given. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** By default `['otel']`. */
  readonly naming?: readonly MetricNaming[]
  /** By default nothing is logged. */
  readonly logger?: InterrogatorLogger
}

/**
 * All configured collectors. Readers that collect within `collection.max_age` of each other get the same snapshot.
 * Counters are cumulative, with the start of what they count; a reader's wish for deltas has no effect on a producer.
 */
export interface Interrogator extends MetricProducer {
  /** What the agent says of its node and itself, for the program's own Resource (`resourceFromAttributes`). */
  readonly resourceAttributes: Readonly<Record<string, string>>
  /** Ends what goes on by itself, and closes all files once a collection under way has ended, within the time given. */
  close(milliseconds?: number): Promise<void>
}

const CLOSE_MILLISECONDS = 5000

/**
 * Opens the collectors, and makes the first collection, from which counters of what runs already count.
 *
 * @throws Error that says what is wrong with a setting, or with the procfs that can't be read.
 */
export async function openInterrogator(options: InterrogatorOptions = {}): Promise<Interrogator> {
  const { file, settings = {}, environment = {}, naming = ['otel'] } = options
  const logger = (options.logger ?? pino({ level: 'silent' })) as Logger
  const { config, warnings } = loadConfiguration(
    { config: file, kubevirtFile: undefined, flags: settingFlags(settings) },
    environment,
  )
  for (const warning of warnings) logger.warn(warning)
  const version = readVersion()
  const cleanup = new Cleanup()
  try {
    const collection = openCollection({ config, version, logger }, cleanup)
    await collection.begin()
    collection.start()
    return interrogator(collection, createResource(config, version, environment), naming, cleanup)
  } catch (error) {
    await cleanup.run(0)
    throw error
  }
}

function interrogator(
  collection: Collection,
  { attributes }: Resource,
  naming: readonly MetricNaming[],
  cleanup: Cleanup,
): Interrogator {
  const { collect } = collection.producer(naming)
  return {
    collect,
    resourceAttributes: Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key, String(value)]),
    ),
    close: (milliseconds = CLOSE_MILLISECONDS) => cleanup.run(milliseconds),
  }
}
