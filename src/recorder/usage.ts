/** What the recorder takes of cgroups between collections, and where it comes from. */
import type { HrTime } from '@opentelemetry/api'
import type { Entity } from '../telemetry/entity.ts'
import type { Kind } from './figures.ts'

/** Counters and values of a cgroup, or pressure of the node. */
export interface SampledUsage {
  readonly kind: Exclude<Kind, 'group'>
  readonly entity: Entity
  /** By the place in `SAMPLED_FIGURES`: counters for rates, bytes of memory; NaN for what isn't known. */
  readonly values: Float64Array
}

/** Reads cgroups, more often than collections do. */
export interface UsageSource {
  /**
   * Reads what changes from second to second.
   *
   * @param time by the agent's clock.
   * @returns every cgroup that is there, and the node; the values are overwritten by the next sample.
   */
  sample(time: HrTime): Promise<readonly SampledUsage[]>
  /**
   * Reads the CPU time of containers that use a CPU.
   *
   * @param at seconds since the epoch.
   * @param take called with seconds of CPU time at a time, maybe for several times of one container.
   */
  look(at: number, take: (container: SampledUsage, at: number, cpu: number) => void): Promise<void>
}

/** Where the recorder finds the source: the collector of cgroups offers it when it is registered. */
export class UsageSources {
  source: UsageSource | undefined

  /** Sets where samples come from. */
  offer(source: UsageSource): void {
    this.source = source
  }
}
