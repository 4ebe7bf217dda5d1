/**
 * What a series is about: a process group, a container, the agent itself.
 *
 * An observation carries its meaning: the attributes object that is observed belongs to a `Series`, which knows its
 * entity, since when it counts, the container or pod that it is of, and its attributes in other vocabularies. Readers
 * look that up; they infer nothing from names and values.
 */
import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api'

/** Where an attributes object carries its series. */
const SERIES = Symbol('series')

type SeriesAttributes = Attributes & { readonly [SERIES]?: Series }

/** A thing that is measured, with its names as they are known now. */
export class Entity {
  /** Start of the entity's counters, which is the start time of its points; by the agent's clock (`clock.ts`). */
  readonly start: HrTime
  /** The entity that this one is a part of, such as the container of a device. */
  readonly whole: Entity | undefined
  /** Its own attributes, without those of its workload and of its whole. */
  #own: Attributes
  #workload: Attributes | undefined
  #attributes: Attributes
  /** The attributes of the whole that `#attributes` was made from. */
  #inherited: Attributes | undefined
  readonly #series = new Map<Attributes | undefined, Series>()

  /**
   * @param attributes its own, by their OpenTelemetry names.
   * @param start of its counters, by the agent's clock.
   * @param workload attributes that identify the container or pod that it belongs to: what an OTLP Resource is made
   *   of. Undefined for what belongs to the node or to the agent. They override own attributes of the same keys.
   * @param whole the entity that this one is a part of; its attributes and its workload are those of the part, too.
   */
  constructor(attributes: Attributes, start: HrTime, workload?: Attributes, whole?: Entity) {
    this.start = start
    this.whole = whole
    this.#own = attributes
    this.#workload = hasKeys(workload) ? workload : undefined
    this.#inherited = whole?.attributes
    this.#attributes = { ...this.#inherited, ...attributes, ...workload }
  }

  /** All attributes of the entity itself; the same object while they are the same. */
  get attributes(): Attributes {
    if (this.whole !== undefined && this.whole.attributes !== this.#inherited) this.#derive()
    return this.#attributes
  }

  /** What identifies its container or pod; undefined without one. The same object while it is the same. */
  get workload(): Attributes | undefined {
    return this.#workload ?? this.whole?.workload
  }

  /** Its attributes but for those of its workload. */
  get own(): Attributes {
    return this.whole === undefined ? this.#own : { ...this.whole.own, ...this.#own }
  }

  /**
   * Gives the entity other names. Its series go on, with their starts; where nothing differs nothing changes.
   *
   * @param attributes its own from now on.
   * @param workload what identifies its container or pod from now on.
   */
  rename(attributes: Attributes, workload?: Attributes): void {
    const isSameWorkload = isEqual(workload ?? NONE, this.#workload ?? NONE)
    if (isSameWorkload && isEqual(attributes, this.#own)) return
    this.#own = attributes
    if (!isSameWorkload) this.#workload = hasKeys(workload) ? workload : undefined
    this.#derive()
  }

  /**
   * A part of this entity, such as a device of a container: it follows the entity's names.
   *
   * @param start of the part's counters.
   */
  part(attributes: Attributes, start = this.start): Entity {
    return new Entity(attributes, start, undefined, this)
  }

  /**
   * The series of the measurements that have these fixed attributes; the same as long as the entity lives.
   *
   * @param fixed the attributes object of a definition: it identifies the series.
   */
  series(fixed: Attributes | undefined): Series {
    let series = this.#series.get(fixed)
    if (series === undefined) {
      series = new Series(this, fixed)
      this.#series.set(fixed, series)
    }
    return series
  }

  #derive(): void {
    this.#inherited = this.whole?.attributes
    this.#attributes = { ...this.#inherited, ...this.#own, ...this.#workload }
  }
}

/** How attributes are written in another vocabulary. */
export interface AttributeTranslation {
  translate(attributes: Attributes): Attributes
}

/** Attributes in another vocabulary. */
interface Translated {
  readonly translation: AttributeTranslation
  /** The attributes that they were made from. */
  from: Attributes
  attributes: Attributes
}

/** An entity's values of the measurements that have the same fixed attributes. A change of names does not end it. */
export class Series {
  readonly entity: Entity
  /** The fixed attributes of the measurements, as their definitions have them. */
  readonly fixed: Attributes | undefined
  #attributes: Attributes = NONE
  /** The attributes of the entity that `#attributes` was made from. */
  #from: Attributes | undefined
  #unidentified: Attributes | undefined
  #translated: Translated[] | undefined

  constructor(entity: Entity, fixed: Attributes | undefined) {
    this.entity = entity
    this.fixed = fixed
  }

  /** What its points are observed with; the same object while the attributes are the same. */
  get attributes(): Attributes {
    const { attributes } = this.entity
    if (attributes !== this.#from) {
      this.#from = attributes
      this.#unidentified = undefined
      this.#attributes = Object.assign({ ...attributes, ...this.fixed }, { [SERIES]: this })
    }
    return this.#attributes
  }

  /** The same without the attributes of the workload, for points below a Resource that has those. */
  get unidentified(): Attributes {
    const { attributes } = this
    const { workload } = this.entity
    if (workload === undefined) return attributes
    this.#unidentified ??= Object.fromEntries(
      Object.entries(attributes).filter(([key]) => !Object.hasOwn(workload, key)),
    )
    return this.#unidentified
  }

  /**
   * The attributes in another vocabulary. They are made once, and again only where a change of names shows in them, so
   * that text which is kept for the object stays.
   */
  translated(translation: AttributeTranslation): Attributes {
    const { attributes } = this
    const known = this.#translated?.find((each) => each.translation === translation)
    if (known === undefined) {
      const first = { translation, from: attributes, attributes: translation.translate(attributes) }
      if (this.#translated === undefined) this.#translated = [first]
      else this.#translated.push(first)
      return first.attributes
    }
    if (known.from !== attributes) {
      known.from = attributes
      const fresh = translation.translate(attributes)
      if (!isEqual(fresh, known.attributes)) known.attributes = fresh
    }
    return known.attributes
  }
}

/** The series that an attributes object is observed for; undefined for attributes that no entity made. */
export function seriesOf(attributes: Attributes): Series | undefined {
  return (attributes as SeriesAttributes)[SERIES]
}

const NONE: Attributes = {}

function hasKeys(attributes: Attributes | undefined): attributes is Attributes {
  return attributes !== undefined && Object.keys(attributes).length > 0
}

/** Whether two sets of attributes have the same keys with the same values, in whatever order. */
export function isEqual(one: Attributes, other: Attributes): boolean {
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
