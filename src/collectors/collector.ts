/** What a collector is made of: its settings, its metrics, and how it is started. */
import type { Meter } from '@opentelemetry/api'
import type { Section, Values } from '../lib/settings/setting.ts'
import type { MetricTable } from '../telemetry/definitions.ts'

/** Ends a collector; there are no collections any more. */
export type Close = () => void | Promise<void>

/**
 * A collector: its settings, its metrics, and how it starts.
 *
 * @typeParam Config the settings that it looks at: its own, and others that it shares.
 * @typeParam Sources what it reads from.
 */
export interface Collector<Own extends Section, Config extends Values<Own>, Sources> {
  /** Also the name of its instrumentation scope. */
  readonly name: string
  /** Its part of the configuration's schema. */
  readonly settings: Own
  /** Its metrics; without a configuration those of the metrics reference. */
  readonly tables: (config?: Config) => readonly MetricTable[]
  readonly isEnabled: (config: Config) => boolean
  /** Labels and annotations of pods that it needs. */
  readonly podKeys?: { readonly labels: readonly string[]; readonly annotations: readonly string[] }
  /**
   * Creates the collector's instruments on a meter of its own.
   *
   * @returns what closes everything that the collector holds open, for a collector that does.
   */
  readonly register: (meter: Meter, config: Config, sources: Sources) => Close | undefined
}

/** Has the compiler look at a collector. */
export function defineCollector<Own extends Section, Config extends Values<Own>, Sources>(
  collector: Collector<Own, Config, Sources>,
): Collector<Own, Config, Sources> {
  return collector
}
