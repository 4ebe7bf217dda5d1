/** When the recorder looks: each tick at what is cheap to read, and several times in a second at CPU time. */

import type { NodeUsage } from '../kernel/procfs/node-usage.ts'
import { clock } from '../telemetry/clock.ts'
import type { Sampler } from '../telemetry/sampler.ts'
import { toSeconds } from '../telemetry/time.ts'
import type { Recorder } from './recorder.ts'
import type { UsageSource } from './usage.ts'

/** Milliseconds between two looks at CPU time: a second at any instant is seen to 94 % at least. */
const CPU_MILLISECONDS = 125

/** Takes samples for the recorder at its interval. */
export class RecorderSchedule {
  readonly #recorder: Recorder
  readonly #source: UsageSource
  readonly #sampler: Pick<Sampler, 'between'>
  readonly #node: () => NodeUsage
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #lastTick = Number.NEGATIVE_INFINITY
  #isClosed = false

  /**
   * @param source reads cgroups.
   * @param sampler tells when no collection is under way.
   * @param node reads what the node uses.
   * @param onError called with the reason when a sample could not be recorded; the next one is tried all the same.
   */
  constructor(
    recorder: Recorder,
    source: UsageSource,
    sampler: Pick<Sampler, 'between'>,
    node: () => NodeUsage,
    onError: (error: unknown) => void,
  ) {
    this.#onError = onError
    this.#recorder = recorder
    this.#source = source
    this.#sampler = sampler
    this.#node = node
    this.#wait()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  /** Until the next multiple of the interval: so each tick has one sample. */
  #wait(): void {
    if (this.#isClosed) return
    const wait = CPU_MILLISECONDS - (Date.now() % CPU_MILLISECONDS)
    const look = () =>
      void this.#look()
        .catch(this.#onError)
        .finally(() => this.#wait())
    this.#timer = setTimeout(look, wait)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const tick = Math.floor(Date.now() / this.#recorder.options.interval)
    // While a collection is under way neither is done: the next look is soon.
    await this.#sampler.between(() =>
      tick === this.#lastTick ? this.#lookAtCpu() : this.#sample(tick),
    )
  }

  async #sample(tick: number): Promise<void> {
    const time = clock.now()
    // Read when the sample begins: that is the sample's time.
    const usage = this.#node()
    const sampled = await this.#source.sample(time)
    this.#lastTick = tick
    this.#recorder.recordSample(toSeconds(clock.shown(time)), sampled, usage)
  }

  #lookAtCpu(): Promise<void> {
    const at = toSeconds(clock.shown(clock.now()))
    return this.#source.look(at, (container, when, cpu) =>
      this.#recorder.recordLook(container, when, cpu),
    )
  }
}
