/** What the agent has told: entities with their last values and what they did since the page was opened. */

/**
 * @typedef {'node' | 'group' | 'container' | 'pod' | 'cgroup'} Kind
 * @typedef {{ time: number, row: (number | null)[] }} Seen
 * @typedef {{
 *   id: number, kind: Kind, key: string, attributes: Record<string, unknown>, since: number, ended?: number,
 *   others?: boolean, cpuLimit?: number, memoryLimit?: number,
 *   values: (number | null)[], spark: number[], sparkAt: number, seen: Seen[], search: string,
 * }} Entity
 * @typedef {{ unit: string, title: string }} Figure
 * @typedef {{ times: number[], figures: Record<string, (number | null)[]>, events: PastEvent[], peaks: Record<string, number> }} Past
 * @typedef {{ type: string, count: number, at: number }} PastEvent
 */

import { namesOf } from './names.js'

/** Points of a small line, and the seconds of each. */
export const SPARK_POINTS = 60
const SPARK_STEP = 5
/** Values of an entity that the page keeps where the agent does not. */
const MAX_SEEN = 900

export class Store {
  /** @type {Map<number, Entity>} */
  entities = new Map()
  /** @type {Map<string, Entity>} */
  byKey = new Map()
  /** @type {Record<string, Figure>} */
  figures = {}
  /** @type {Record<Kind, string[]>} */
  kinds = { node: [], group: [], container: [], pod: [], cgroup: [] }
  /** @type {{ interval: number, window: number, bytes: number, maxBytes: number } | null} */
  recorder = null
  node = { name: '', cpus: 1, memory: 1 }
  groupInterval = 0
  time = 0
  opened = 0
  #instance = 0
  #revision = 0
  /** Times of all answers, so that what did not change has a value, too. @type {number[]} */
  times = []
  /** @type {Map<number, Past & { asked: number }>} */
  #pasts = new Map()

  /** Asks for what is new. */
  async refresh() {
    const isFirst = this.#revision === 0
    const query = `instance=${this.#instance}&since=${this.#revision}${isFirst ? '&sparks=1' : ''}`
    const answer = await fetchJson(`api/v1/live?${query}`)
    this.#take(answer)
  }

  /** @param {any} answer */
  #take(answer) {
    if (answer.reset) {
      this.entities.clear()
      this.byKey.clear()
      this.#pasts.clear()
      this.times = []
      this.opened = answer.time
    }
    this.#instance = answer.instance
    this.#revision = answer.revision
    this.node = answer.node
    this.recorder = answer.recorder
    this.groupInterval = answer.groupInterval
    if (answer.figures !== undefined) {
      this.figures = answer.figures
      this.kinds = answer.kinds
    }
    const isNew = answer.time > this.time
    this.time = answer.time
    if (isNew) this.times.push(answer.time)
    if (this.times.length > MAX_SEEN) this.times.shift()
    for (const described of answer.entities) this.#describe(described)
    for (const [id, ...row] of answer.values) {
      const entity = this.entities.get(id)
      if (entity === undefined) continue
      entity.values = row
      entity.seen.push({ time: answer.time, row })
      if (entity.seen.length > MAX_SEEN) entity.seen.shift()
    }
    for (const [id, points] of answer.sparks ?? []) {
      const entity = this.entities.get(id)
      if (entity === undefined) continue
      entity.spark = points.map((/** @type {number | null} */ point) => point ?? Number.NaN)
      entity.sparkAt = Math.floor(answer.time / SPARK_STEP)
    }
    for (const id of answer.removed) {
      const entity = this.entities.get(id)
      if (entity === undefined) continue
      this.entities.delete(id)
      if (this.byKey.get(entity.key) === entity) this.byKey.delete(entity.key)
      this.#pasts.delete(id)
    }
    if (isNew) for (const entity of this.entities.values()) this.#drawOn(entity)
  }

  /** @param {any} described */
  #describe(described) {
    const known = this.entities.get(described.id)
    const entity = Object.assign(known ?? newEntity(), { ended: undefined }, described)
    const { title, place, namespace } = namesOf(entity)
    const image = entity.attributes['container.image.name'] ?? ''
    const id = entity.attributes['container.id'] ?? ''
    const uid = entity.attributes['k8s.pod.uid'] ?? ''
    entity.search = `${title} ${place} ${namespace} ${image} ${id} ${uid}`.toLowerCase()
    if (described.ended !== undefined) entity.values = []
    this.entities.set(entity.id, entity)
    this.byKey.set(entity.key, entity)
  }

  /** Carries the small line on. @param {Entity} entity */
  #drawOn(entity) {
    const at = Math.floor(this.time / SPARK_STEP)
    const value = entity.values[0] ?? Number.NaN
    for (let next = Math.max(entity.sparkAt + 1, at - SPARK_POINTS + 1); next <= at; next++) {
      entity.spark.push(Number.NaN)
    }
    if (entity.spark.length > SPARK_POINTS)
      entity.spark.splice(0, entity.spark.length - SPARK_POINTS)
    entity.sparkAt = Math.max(at, entity.sparkAt)
    const last = entity.spark.length - 1
    if (!(entity.spark[last] >= value)) entity.spark[last] = value
  }

  /** @param {Entity} entity @param {string} figure @returns {number | null | undefined} */
  value(entity, figure) {
    return entity.values[this.kinds[entity.kind].indexOf(figure)]
  }

  /**
   * The past of an entity: of the recorder, or of what the page has seen.
   * @param {Entity} entity
   * @returns {Promise<Past>}
   */
  async past(entity) {
    return this.recorder === null ? this.#seenPast(entity) : this.#recordedPast(entity)
  }

  /** @param {Entity} entity @returns {Past} */
  #seenPast({ kind, seen, since, ended }) {
    /** @type {Record<string, (number | null)[]>} */
    const figures = Object.fromEntries(this.kinds[kind].map((figure) => [figure, []]))
    let at = -1
    for (const time of this.times) {
      while (at + 1 < seen.length && seen[at + 1].time <= time) at++
      const isThere = ended === undefined || time <= ended
      for (const [place, figure] of this.kinds[kind].entries()) {
        figures[figure].push(at < 0 || !isThere ? null : (seen[at].row[place] ?? null))
      }
    }
    const events = []
    if (since > this.opened) events.push({ type: 'start', count: 1, at: since })
    if (ended !== undefined) events.push({ type: 'end', count: 1, at: ended })
    return { times: [...this.times], figures, events, peaks: {} }
  }

  /** @param {Entity} entity @returns {Promise<Past>} */
  async #recordedPast({ id }) {
    const known = this.#pasts.get(id)
    const interval = /** @type {{ interval: number }} */ (this.recorder).interval
    // What is read of a coarse source is written into the past, so the last minute is asked for again.
    const from = known === undefined ? 0 : Math.max(0, (known.times.at(-1) ?? 0) - OVERLAP_SECONDS)
    const answer = await fetchJson(`api/v1/series?id=${id}&from=${from}`)
    const count = Math.max(0, ...Object.values(answer.figures).map((values) => values.length))
    const times = Array.from({ length: count }, (_, index) => answer.start + index * answer.step)
    const { figures, events, peaks } = answer
    const past = { times, figures, events, peaks, asked: this.time }
    const isSame = known !== undefined && answer.step === interval && count > 0
    if (isSame) join(known, past)
    const kept = isSame ? known : past
    kept.events = events
    kept.peaks = peaks
    this.#pasts.set(id, kept)
    for (const other of this.#pasts.keys())
      if (this.#pasts.size > MAX_PASTS) this.#pasts.delete(other)
    return kept
  }
}

const OVERLAP_SECONDS = 30
const MAX_PASTS = 8
/** Seconds; a longer past is the agent's matter. */
const LONGEST = 86_400

/** @param {Past} known @param {Past} next whose first time lies within the known ones. */
function join(known, next) {
  const first = next.times[0]
  let keep = known.times.length
  while (keep > 0 && known.times[keep - 1] >= first) keep--
  const drop = Math.max(0, keep + next.times.length - LONGEST)
  known.times = [...known.times.slice(drop, keep), ...next.times]
  for (const [figure, values] of Object.entries(next.figures)) {
    known.figures[figure] = [...known.figures[figure].slice(drop, keep), ...values]
  }
}

function newEntity() {
  return {
    values: [],
    spark: [],
    sparkAt: Number.NEGATIVE_INFINITY,
    seen: [],
    search: '',
    attributes: {},
  }
}

/** @param {string} url @returns {Promise<any>} */
export async function fetchJson(url) {
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  const text = await response.text()
  let answer
  try {
    answer = JSON.parse(text)
  } catch {
    throw new Error(`${response.status} ${text.slice(0, 200).trim()}`)
  }
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`)
  return answer
}
