/** When the recorder looks: each tick at what is cheap to read, and several times in a second at CPU time. */
import type { Sampler } from '../telemetry/sampler.ts'
import type { NodeUsage, Recorder } from './recorder.ts'

/** Milliseconds between two looks at CPU time: a second at any instant is seen to 94 % at least. */
const CPU_MILLISECONDS = 125

export class RecorderSchedule {
  readonly #recorder: Recorder
  readonly #sampler: Pick<Sampler, 'sample'>
  readonly #node: () => NodeUsage
  #timer: NodeJS.Timeout | undefined
  #lastTick = Number.NEGATIVE_INFINITY
  #isClosed = false

  /** @param node reads what the node uses. */
  constructor(recorder: Recorder, sampler: Pick<Sampler, 'sample'>, node: () => NodeUsage) {
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
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#wait()), wait)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const tick = Math.floor(Date.now() / this.#recorder.options.interval)
    const detail = tick === this.#lastTick ? 'cpu' : 'usage'
    const snapshot = await this.#sampler.sample(detail)
    // A collection is under way: the next look is soon.
    if (snapshot === undefined) return
    if (detail === 'cpu') {
      this.#recorder.record(snapshot, detail)
    } else {
      this.#lastTick = tick
      this.#recorder.record(snapshot, detail, this.#node())
    }
  }
}
