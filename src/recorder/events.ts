/** What happened to entities: starts, ends, and exits and restarts of their processes. */

/** `start` and `end` are of the entity; `exit` and `restart` of processes of a group. */
export type EventType = 'start' | 'end' | 'exit' | 'restart'

/** One event of an entity. */
export interface RecordedEvent {
  /** Of the entity. */
  readonly id: number
  readonly type: EventType
  /** How many of it at once. */
  readonly count: number
  /** Seconds since the epoch; when it was noticed. */
  readonly at: number
}

/** The oldest events give way. */
const MAX_EVENTS = 5000

/** The events of a window of time, in the order in which they were noticed. */
export class RecordedEvents {
  readonly #window: number
  #events: RecordedEvent[] = []

  /** @param window seconds for which an event is remembered. */
  constructor(window: number) {
    this.#window = window
  }

  add(event: RecordedEvent): void {
    this.#events.push(event)
    if (this.#events.length > 2 * MAX_EVENTS) this.#events = this.#events.slice(-MAX_EVENTS)
  }

  /** Of one entity, oldest first. */
  of(id: number): RecordedEvent[] {
    return this.#events.filter((event) => event.id === id)
  }

  forgetOld(now: number): void {
    const oldest = now - this.#window
    if (this.#events.length === 0 || this.#events[0].at >= oldest) return
    const first = this.#events.findIndex(({ at }) => at >= oldest)
    this.#events = first < 0 ? [] : this.#events.slice(first)
  }
}
