/**
 * All collectors, in the order of their turns. A new one is a folder beside this file and an entry here: its settings are
 * then in the configuration's schema, and its metrics in the reference.
 */
import { AGENT } from './agent/collector.ts'
import { CGROUPS } from './cgroups/collector.ts'
import { KUBEVIRT } from './kubevirt/collector.ts'
import { PEAKS } from './peaks/collector.ts'
import { PERF } from './perf/collector.ts'
import { PROCESS_GROUPS } from './process-groups/collector.ts'

/** All collectors, in the order in which a collection runs them. */
export const COLLECTORS = [PROCESS_GROUPS, CGROUPS, PERF, KUBEVIRT, PEAKS, AGENT] as const

/** What collectors read from. */
export type CollectorSources = Intersection<SourcesOf<(typeof COLLECTORS)[number]>>

type SourcesOf<C> = C extends { register(meter: never, config: never, sources: infer S): void }
  ? { readonly of: S }
  : never

type Intersection<U> = (U extends { readonly of: infer S } ? (each: S) => void : never) extends (
  all: infer I,
) => void
  ? I
  : never
