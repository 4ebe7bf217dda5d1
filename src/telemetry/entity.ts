/**
 * What a series is about: a process group, a container, the agent itself.
 *
 * The attributes object of a series is made once and handed to every observation, so that whatever is
 * derived from it (label text, names in another vocabulary) can be kept by its identity.
 */
import type { Attributes, HrTime } from '@opentelemetry/api'

/** Where an attributes object carries the time from which its counters count. */
const START = Symbol('start time')

type StartedAttributes = Attributes & { readonly [START]?: HrTime }

export class Entity {
  /** Attributes of the entity itself, by their OpenTelemetry names. */
  readonly attributes: Attributes
  readonly #start: HrTime
  readonly #variants = new Map<Attributes | undefined, Attributes>()

  /** @param start since when the entity's counters count: the start time of its points. */
  constructor(attributes: Attributes, start: HrTime) {
    this.attributes = attributes
    this.#start = start
  }

  /** The entity's attributes together with the fixed ones of a measurement; always the same object. */
  with(fixed: Attributes | undefined): Attributes {
    const known = this.#variants.get(fixed)
    if (known !== undefined) return known
    const merged = withStart({ ...this.attributes, ...fixed }, this.#start)
    this.#variants.set(fixed, merged)
    return merged
  }
}

/** The start time that an attributes object carries, if it belongs to an entity. */
export function startOf(attributes: Attributes): HrTime | undefined {
  return (attributes as StartedAttributes)[START]
}

/** Lets an attributes object carry a start time; the object's own keys stay as they are. */
export function withStart(attributes: Attributes, start: HrTime | undefined): Attributes {
  return start === undefined ? attributes : Object.assign(attributes, { [START]: start })
}
