/** Events of one cgroup that are counted together on one CPU, or one event of a thread. */
import { closeSync, readSync } from 'node:fs'
import type { PerfEvent } from './events.ts'
import type { PerfOpener, PerfTarget } from './open.ts'

/** The count of an event so far; it never decreases. */
export interface Count {
  value: number
  /** Nanoseconds for which the event was to be counted, and for which it was. */
  enabled: number
  running: number
}

/** Number of values, or the only one, and the two times. */
const HEADER_WORDS = 3
const WORD_BYTES = 8

/** Perf events of one cgroup on one CPU that are counted over the same time, or one event of a thread. */
export class CounterGroup {
  readonly events: readonly PerfEvent[]
  readonly #descriptors: readonly number[]
  readonly #buffer: Buffer
  readonly #last: number[]
  /** Where the values begin, in words. */
  readonly #values: number
  #lastEnabled = 0
  #lastRunning = 0

  /**
   * @param target the descriptor in it may be closed afterwards.
   * @param onFailure called for each event that can't be counted; the others are counted all the same.
   */
  constructor(
    opener: PerfOpener,
    target: PerfTarget,
    events: readonly PerfEvent[],
    onFailure: (event: PerfEvent, error: NodeJS.ErrnoException) => void,
  ) {
    const opened: PerfEvent[] = []
    const descriptors: number[] = []
    for (const event of events) {
      try {
        descriptors.push(opener.open({ event, target, leader: descriptors[0] ?? -1 }))
        opened.push(event)
      } catch (error) {
        onFailure(event, error as NodeJS.ErrnoException)
      }
    }
    this.events = opened
    this.#descriptors = descriptors
    const isAlone = 'thread' in target
    this.#values = isAlone ? 0 : HEADER_WORDS
    this.#buffer = Buffer.alloc(
      (isAlone ? HEADER_WORDS : HEADER_WORDS + opened.length) * WORD_BYTES,
    )
    this.#last = opened.map(() => 0)
  }

  /** Descriptors in use. */
  get size(): number {
    return this.#descriptors.length
  }

  /**
   * Adds what was counted since the last reading: what was counted in a part of the time is scaled up by that
   * part alone, so that a sum never falls.
   *
   * @param counts by the place of the event.
   * @throws NodeJS.ErrnoException when the counters can't be read.
   */
  addTo(counts: readonly Count[]): void {
    if (this.#descriptors.length === 0) return
    const length = readSync(this.#descriptors[0], this.#buffer, 0, this.#buffer.length, null)
    if (length < this.#buffer.length) return
    const enabled = this.#word(1)
    const running = this.#word(2)
    const wasEnabled = enabled - this.#lastEnabled
    const wasRunning = running - this.#lastRunning
    this.#lastEnabled = enabled
    this.#lastRunning = running
    for (const [index, count] of counts.entries()) {
      const value = this.#word(this.#values + index)
      const increase = value - this.#last[index]
      this.#last[index] = value
      count.enabled += wasEnabled
      count.running += wasRunning
      if (wasRunning > 0) count.value += increase * (wasEnabled / wasRunning)
    }
  }

  close(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor)
  }

  #word(index: number): number {
    return Number(this.#buffer.readBigUInt64LE(index * WORD_BYTES))
  }
}
