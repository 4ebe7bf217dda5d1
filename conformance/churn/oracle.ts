/** Checks received metrics against OpenTelemetry's data model, and adds them up. */
import type { ExportRequest, KeyValue, Metric, Point } from './receiver.ts'

export type Temporality = 'cumulative' | 'delta'

/** A counter, by whatever names its stream has. */
export interface Counter {
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
}

/** What is known of one stream: Resource, scope, metric and attributes together. */
interface Stream {
  readonly kind: string
  readonly type: 'int' | 'double'
  start: bigint
  time: bigint
  value: number
}

/** What a counter has counted, by whatever names its stream had. */
interface Counted {
  /** By start time: the last value. Of cumulative streams. */
  readonly last: Map<bigint, number>
  /** Increases that are not 0, with their times. Of delta streams. */
  readonly increases: { readonly time: bigint; readonly value: number }[]
  time: bigint
  /** What the last request with it was, its number, and the time before. */
  latest?: { readonly start: bigint; readonly before: bigint; readonly request: number }
}

/** What the last request has made of a stream, so that it can be taken back. */
interface Applied {
  readonly start: bigint
  readonly time: bigint
  readonly value: number
  /** The stream before; undefined when the request had its first point. */
  readonly before: Stream | undefined
  /** The number of that request. */
  readonly request: number
}

/** What may be broken. */
type Rule =
  | 'a Resource twice in a request'
  | 'a counter that falls within its start'
  | 'a key twice'
  | 'a metric twice in a scope'
  | 'a metric without points'
  | 'a negative counter'
  | 'a start before the last time'
  | 'a start that is not before the time'
  | 'a time in the future'
  | 'a time that does not rise'
  | 'an attribute without a key'
  | 'an attribute without a value'
  | 'an interval that overlaps one of another name'
  | 'another kind of value than before'
  | 'another temporality'
  | 'another unit, kind or description than before'
  | 'attributes twice in a metric'
  | 'no legal name'
  | 'no start'
  | 'no time'
  | 'not exactly one kind'
  | 'not exactly one value'
  | 'several times in a request'

/** Attributes that may become known late, or change. */
const NAMES = new Set([
  'k8s_namespace_name',
  'k8s_pod_name',
  'k8s_container_name',
  'container_name',
  'container_image_name',
  'container_image_tags',
  'container_runtime_name',
])
/** Attributes of the Resource that identify the owner of a series. */
const OWNER = /^(?:k8s\.(?!node|cluster)|container\.)/
const SECOND = 1_000_000_000n

export class Oracle {
  points = 0
  requests = 0
  /** The latest time of any point, in nanoseconds since the epoch. */
  time = 0n
  /** How often anything was broken. */
  broken = 0
  /** By stream: its last point. */
  readonly #applied = new Map<string, Applied>()
  /**
   * Numbers of the requests whose points were said again. A sender that did not get the answer has to: OTLP delivers at least
   * once. What was said of the same interval counts no more then. A push may have several requests, and the next one
   * may be given up before it comes to this stream, so it need not be the request just before. The points of one request may
   * be said again in several.
   */
  readonly #repeated = new Set<number>()
  readonly #temporality: Temporality
  readonly #streams = new Map<string, Stream>()
  readonly #descriptions = new Map<string, string>()
  readonly #counted = new Map<string, Counted>()
  /** The same by their names on a page of Prometheus. */
  readonly #byPage = new Map<string, Counted>()
  readonly #broken = new Map<Rule, { count: number; readonly first: string }>()

  constructor(temporality: Temporality) {
    this.#temporality = temporality
  }

  /** What was broken: each rule with how often, and where first. */
  get errors(): string[] {
    return [...this.#broken].map(
      ([rule, { count, first }]) => `${this.#temporality}: ${rule}, ${count} times; first ${first}`,
    )
  }

  /** Requests whose points were said again. */
  get repeats(): number {
    return this.#repeated.size
  }

  get streams(): number {
    return this.#streams.size
  }

  add({ resourceMetrics }: ExportRequest): void {
    this.requests++
    const latest = BigInt(Date.now()) * 1_000_000n + SECOND
    const resources = new Set<string>()
    const times = new Set<string>()
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const resourceKey = this.#keys('resource', resource?.attributes ?? [])
      if (resources.has(resourceKey)) this.#fail('a Resource twice in a request', resourceKey)
      resources.add(resourceKey)
      for (const { scope, metrics } of scopeMetrics) {
        const names = new Set<string>()
        for (const metric of metrics) {
          const name = metric.name ?? ''
          if (names.has(name.toLowerCase())) this.#fail('a metric twice in a scope', name)
          names.add(name.toLowerCase())
          const kind = this.#kind(name, metric)
          const dataPoints = (metric.gauge ?? metric.sum)?.dataPoints ?? []
          if (dataPoints.length === 0) this.#fail('a metric without points', name)
          const seen = new Set<string>()
          for (const point of dataPoints) {
            this.points++
            times.add(point.timeUnixNano ?? '')
            const attributes = this.#keys(name, point.attributes)
            if (seen.has(attributes))
              this.#fail('attributes twice in a metric', `${name} ${attributes}`)
            seen.add(attributes)
            if (BigInt(point.timeUnixNano ?? 0) > latest) this.#fail('a time in the future', name)
            const key = `${resourceKey} ${scope?.name} ${name} ${attributes}`
            const isCounter = kind.startsWith('counter')
            this.#takeBack(key, isCounter, point)
            this.#point(key, kind, point)
            if (isCounter) {
              this.#count(name, metric.unit ?? '', resource?.attributes ?? [], point)
            }
          }
        }
      }
    }
    if (times.size > 1) this.#fail('several times in a request', [...times].join())
  }

  /** Takes back what the last point has made of a stream, when this one says the same again. */
  #takeBack(key: string, isCounter: boolean, point: Point): void {
    const applied = this.#applied.get(key)
    if (applied === undefined) return
    const isSame =
      isCounter && this.#temporality === 'delta'
        ? BigInt(point.startTimeUnixNano ?? 0) === applied.start
        : BigInt(point.timeUnixNano ?? 0) === applied.time && numberOf(point) === applied.value
    if (!isSame) return
    const { before, request } = applied
    this.#repeated.add(request)
    if (before === undefined) this.#streams.delete(key)
    else this.#streams.set(key, before)
  }

  /** The time of the last point of a counter, in nanoseconds since the epoch; 0 when none came. */
  timeOf({ metric, attributes }: Counter): bigint {
    return this.#counted.get(countedKey(metric, Object.entries(attributes)))?.time ?? 0n
  }

  /** What a counter has counted in all, in its unit; undefined when it never came. */
  total(metric: string, attributes: Readonly<Record<string, string>>): number | undefined {
    const counted = this.#counted.get(countedKey(metric, Object.entries(attributes)))
    if (counted === undefined) return undefined
    return this.#temporality === 'delta'
      ? counted.increases.reduce((sum, { value }) => sum + value, 0)
      : [...counted.last.values()].reduce((sum, value) => sum + value, 0)
  }

  /**
   * What the deltas between two times add up to, of the counter that a page has under a name; undefined when it never came.
   * Times are in nanoseconds since the epoch.
   */
  sumOf(
    page: string,
    labels: Readonly<Record<string, string>>,
    after: bigint,
    until: bigint,
  ): number | undefined {
    const counted = this.#byPage.get(countedKey(page, Object.entries(labels)))
    return counted?.increases
      .filter(({ time }) => time > after && time <= until)
      .reduce((sum, { value }) => sum + value, 0)
  }

  #kind(name: string, metric: Metric): string {
    if (!/^[a-zA-Z][\w./-]{0,254}$/.test(name)) this.#fail('no legal name', name)
    const { gauge, sum, unit = '', description = '' } = metric
    if ((gauge === undefined) === (sum === undefined)) this.#fail('not exactly one kind', name)
    const temporality = sum?.aggregationTemporality ?? ''
    const isCounter = sum?.isMonotonic === true
    const wanted =
      isCounter && this.#temporality === 'delta'
        ? 'AGGREGATION_TEMPORALITY_DELTA'
        : 'AGGREGATION_TEMPORALITY_CUMULATIVE'
    if (sum !== undefined && temporality !== wanted)
      this.#fail('another temporality', `${name} ${temporality}`)
    const kind = gauge !== undefined ? 'gauge' : isCounter ? 'counter' : 'sum'
    const said = `${kind} ${unit} ${description}`
    const before = this.#descriptions.get(name)
    if (before !== undefined && before !== said)
      this.#fail('another unit, kind or description than before', `${name}: ${before}, ${said}`)
    this.#descriptions.set(name, said)
    return `${kind} ${unit}`
  }

  #keys(of: string, attributes: readonly KeyValue[]): string {
    const pairs = attributes.map(({ key, value }): [string, string] => {
      if (key === '') this.#fail('an attribute without a key', of)
      const text = textOf(value)
      // An empty text is a value (OpenTelemetry specification, "Attribute"): of a process that has an empty name, say.
      if (text === undefined) this.#fail('an attribute without a value', `${of} ${key}`)
      return [key, text ?? '']
    })
    if (new Set(pairs.map(([key]) => key)).size < pairs.length) this.#fail('a key twice', of)
    return JSON.stringify(pairs.sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  #point(key: string, kind: string, point: Point): void {
    const time = BigInt(point.timeUnixNano ?? 0)
    if (time > this.time) this.time = time
    const start = BigInt(point.startTimeUnixNano ?? 0)
    const isInt = point.asInt !== undefined
    const value = numberOf(point)
    if (isInt === (point.asDouble !== undefined)) this.#fail('not exactly one value', key)
    if (time === 0n) this.#fail('no time', key)
    const isCounter = kind.startsWith('counter')
    const last = this.#streams.get(key)
    const type = isInt ? 'int' : 'double'
    if (last !== undefined) {
      if (last.kind !== kind || last.type !== type)
        this.#fail('another kind of value than before', key)
      if (time <= last.time) this.#fail('a time that does not rise', `${key} at ${time}`)
    }
    if (isCounter) {
      if (!(value >= 0)) this.#fail('a negative counter', `${key} is ${value}`)
      if (start === 0n) this.#fail('no start', key)
      const isFirst = last === undefined || last.start !== start
      if (start > time || (start === time && (!isFirst || this.#temporality === 'delta'))) {
        this.#fail('a start that is not before the time', `${key} ${start}, ${time}`)
      }
      if (last !== undefined) this.#follow(key, last, { start, value })
    }
    this.#streams.set(key, { kind, type, start, time, value })
    this.#applied.set(key, { start, time, value, before: last, request: this.requests })
  }

  /** What a counter may be after what it was. */
  #follow(key: string, last: Stream, { start, value }: { start: bigint; value: number }): void {
    if (this.#temporality === 'delta' || start !== last.start) {
      if (start < last.time)
        this.#fail('a start before the last time', `${key} ${start}, ${last.time}`)
    } else if (value < last.value) {
      this.#fail('a counter that falls within its start', `${key} ${last.value}, ${value}`)
    }
  }

  #count(metric: string, unit: string, resource: readonly KeyValue[], point: Point): void {
    const owner = resource.filter(({ key }) => OWNER.test(key))
    const pairs = [...owner, ...point.attributes].map(({ key, value }): [string, string] => [
      key,
      textOf(value) ?? '',
    ])
    const key = countedKey(metric, pairs)
    let counted = this.#counted.get(key)
    if (counted === undefined) {
      counted = { last: new Map(), increases: [], time: 0n }
      this.#counted.set(key, counted)
      this.#byPage.set(countedKey(pageName(metric, unit), pairs), counted)
    }
    const time = BigInt(point.timeUnixNano ?? 0)
    const start = BigInt(point.startTimeUnixNano ?? 0)
    const value = numberOf(point)
    if (this.#temporality === 'delta') {
      const { latest } = counted
      if (latest?.start === start) {
        this.#repeated.add(latest.request)
        if (counted.increases.at(-1)?.time === counted.time) counted.increases.pop()
        counted.time = latest.before
      }
      counted.latest = { start, before: counted.time, request: this.requests }
      // Also over another name: what was counted under the one is not counted under the other.
      if (start < counted.time)
        this.#fail(
          'an interval that overlaps one of another name',
          `${key} ${start}, ${counted.time}`,
        )
      if (value !== 0) counted.increases.push({ time, value })
    } else {
      counted.last.set(start, value)
    }
    counted.time = time
  }

  #fail(rule: Rule, where: string): void {
    this.broken++
    const known = this.#broken.get(rule)
    if (known === undefined) this.#broken.set(rule, { count: 1, first: where })
    else known.count++
  }
}

/** The name of a counter's samples by OpenTelemetry's rules for Prometheus. */
function pageName(metric: string, unit: string): string {
  const word = { s: '_seconds', By: '_bytes' }[unit] ?? ''
  return `${metric.replace(/[^a-zA-Z0-9]/g, '_')}${word}_total`
}

/** Identifies a counter whatever names it has; a container has its id, with which its pod is known. */
function countedKey(metric: string, pairs: readonly (readonly [string, string])[]): string {
  const named = pairs.map(([key, value]): [string, string] => [key.replaceAll('.', '_'), value])
  const isContainer = named.some(([key]) => key === 'container_id')
  const own = named.filter(([key]) => !NAMES.has(key) && !(isContainer && key === 'k8s_pod_uid'))
  return JSON.stringify([metric, own.sort(([one], [other]) => (one < other ? -1 : 1))])
}

function numberOf({ asInt, asDouble = Number.NaN }: Point): number {
  return asInt === undefined ? asDouble : Number(asInt)
}

function textOf(value: KeyValue['value']): string | undefined {
  const { stringValue, intValue, doubleValue, boolValue, arrayValue } = value ?? {}
  const list = arrayValue?.values.map((item) => item.stringValue).join(';')
  const any = stringValue ?? intValue ?? doubleValue ?? boolValue ?? list
  return any === undefined ? undefined : String(any)
}
