/**
 * What a series is about: a process group, a container, the agent itself.
 *
 * The attributes object of a series is made once and handed to every observation, so that whatever is
 * derived from it (label text, names in another vocabulary) can be kept by its identity.
 */
import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api'

/** One counter from its start on. It stays the same when its entity gets another name. */
export interface Series {
  /** Since when it counts, by the agent's clock (`clock.ts`). */
  readonly start: HrTime
}

/** Where an attributes object carries its series. */
const SERIES = Symbol('series')

type SeriesAttributes = Attributes & { readonly [SERIES]?: Series }

export class Entity {
  /** Since when the entity's counters count: the start time of its points. */
  readonly start: HrTime
  readonly #whole: Entity | undefined
  /** Its own attributes, without those of the entity that it is a part of. */
  #own: Attributes
  #attributes: Attributes
  /** The attributes of the whole that `#attributes` was made from. */
  #inherited: Attributes | undefined
  readonly #series = new Map<Attributes | undefined, Series>()
  readonly #variants = new Map<Attributes | undefined, Attributes>()

  /** @param whole the entity that this one is a part of: it bears that one's attributes, too. */
  constructor(attributes: Attributes, start: HrTime, whole?: Entity) {
    this.start = start
    this.#whole = whole
    this.#own = attributes
    this.#inherited = whole?.attributes
    this.#attributes = { ...this.#inherited, ...attributes }
  }

  /** Attributes of the entity itself, by their OpenTelemetry names; the same object while they are the same. */
  get attributes(): Attributes {
    if (this.#whole !== undefined && this.#whole.attributes !== this.#inherited) this.#derive()
    return this.#attributes
  }

  /** Gives the entity other attributes. Its counters go on; where the attributes are the same nothing changes. */
  rename(attributes: Attributes): void {
    if (isEqual(attributes, this.#own)) return
    this.#own = attributes
    this.#derive()
  }

  /**
   * A part of this entity, such as a device of a container: it follows the entity's name.
   *
   * @param start since when the part's counters count.
   */
  part(attributes: Attributes, start = this.start): Entity {
    return new Entity(attributes, start, this)
  }

  /** The entity's attributes together with the fixed ones of a measurement; the same object while they are the same. */
  with(fixed: Attributes | undefined): Attributes {
    const { attributes } = this
    const known = this.#variants.get(fixed)
    if (known !== undefined) return known
    let series = this.#series.get(fixed)
    if (series === undefined) {
      series = { start: this.start }
      this.#series.set(fixed, series)
    }
    const merged = withSeries({ ...attributes, ...fixed }, series)
    this.#variants.set(fixed, merged)
    return merged
  }

  #derive(): void {
    this.#inherited = this.#whole?.attributes
    this.#attributes = { ...this.#inherited, ...this.#own }
    this.#variants.clear()
  }
}

/** The series that an attributes object is of, if it belongs to an entity. */
export function seriesOf(attributes: Attributes): Series | undefined {
  return (attributes as SeriesAttributes)[SERIES]
}

/** Lets an attributes object carry its series; the object's own keys stay as they are. */
export function withSeries(attributes: Attributes, series: Series | undefined): Attributes {
  return series === undefined ? attributes : Object.assign(attributes, { [SERIES]: series })
}

function isEqual(one: Attributes, other: Attributes): boolean {
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSameValue(one[key], other[key]))
  )
}

function isSameValue(one: AttributeValue | undefined, other: AttributeValue | undefined): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other
  return one.length === other.length && one.every((item, index) => item === other[index])
}
