/** When the recorder looks: each tick at what is cheap to read, and several times in a second at CPU time. */
import type { Sampler } from '../telemetry/sampler.ts'
import type { NodeUsage, Recorder } from './recorder.ts'

/** Milliseconds between two looks at CPU time: a second at any instant is seen to 94 % at least. */
const CPU_MILLISECONDS = 125

/** Takes samples for the recorder at its interval. */
export class RecorderSchedule {
  readonly #recorder: Recorder
  readonly #sampler: Pick<Sampler, 'sample'>
  readonly #node: () => NodeUsage
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #lastTick = Number.NEGATIVE_INFINITY
  #isClosed = false

  /**
   * @param node reads what the node uses.
   * @param onError is told why a sample could not be recorded; the next one is tried all the same.
   */
  constructor(
    recorder: Recorder,
    sampler: Pick<Sampler, 'sample'>,
    node: () => NodeUsage,
    onError: (error: unknown) => void,
  ) {
    this.#onError = onError
    this.#recorder = recorder
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
    const detail = tick === this.#lastTick ? 'cpu' : 'usage'
    // Read when the sample begins: that is the sample's time.
    const usage = detail === 'usage' ? this.#node() : undefined
    const snapshot = await this.#sampler.sample(detail)
    // A collection is under way: the next look is soon.
    if (snapshot === undefined) return
    if (detail === 'usage') this.#lastTick = tick
    this.#recorder.record(snapshot, detail, usage)
  }
}
