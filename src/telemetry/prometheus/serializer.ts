/**
 * Metric data as Prometheus text or OpenMetrics.
 *
 * The official exporter's serialiser has no unit suffixes, appends `_total` to names that must stay as
 * they are, and makes each line's labels anew. Here the label text of an attribute set is made once.
 */
import type { Attributes } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Values } from '../../lib/settings/setting.ts'
import type { MetricKind } from '../definitions.ts'
import type { ClassicDescriptor } from '../name-translation.ts'
import { kindOf, pointsOf } from '../points.ts'
import { toSeconds } from '../time.ts'
import { doAtOnce, inPieces, type Work } from '../time-slice.ts'
import { type FamilyType, type Format, TEXT } from './formats.ts'
import { labelText } from './labels.ts'
import { prometheusName } from './names.ts'
import type { PROMETHEUS_SETTINGS } from './settings.ts'

type PrometheusSettings = Values<typeof PROMETHEUS_SETTINGS>['prometheus']

/** The settings of the text. */
export type SerializerOptions = Pick<PrometheusSettings, 'target_info' | 'scope_labels'> &
  Partial<Pick<PrometheusSettings, 'created'>>

interface Family {
  readonly type: FamilyType
  /** What is encoded of its text, and what is not yet. */
  readonly pieces: Buffer[]
  text: string
}

/** Text of so many characters is encoded: the whole as one string would be there twice, and for longer. */
const PIECE_LENGTH = 64 * 1024

/** Writes metric data as text; it keeps the label text of each attributes object. */
export class PrometheusSerializer {
  readonly #options: SerializerOptions
  readonly #labels = new WeakMap<Attributes, string>()
  /** The same, for all points of an array. */
  readonly #allLabels = new WeakMap<readonly Attributes[], string[]>()
  readonly #names = new WeakMap<MetricData['descriptor'], string>()

  constructor(options: SerializerOptions) {
    this.#options = options
  }

  serialize(metrics: ResourceMetrics, format = TEXT): string {
    return Buffer.concat(doAtOnce(this.serializing(metrics, format))).toString()
  }

  /** The same in pieces of UTF-8, as work that gives way. */
  *serializing({ resource, scopeMetrics }: ResourceMetrics, format = TEXT): Work<Buffer[]> {
    const families = new Map<string, Family>()
    for (const { scope, metrics } of scopeMetrics) {
      const scopeText = this.#options.scope_labels
        ? labelText({ otel_scope_name: scope.name, otel_scope_version: scope.version ?? '' })
        : ''
      for (const metric of metrics) {
        yield
        yield* this.#addMetric(families, metric, scopeText, format)
      }
    }
    const pieces: Buffer[] = []
    let text = this.#options.target_info ? targetInfo(resource, format) : ''
    for (const family of families.values()) {
      if (family.pieces.length > 0) {
        pieces.push(Buffer.from(text), ...family.pieces)
        text = ''
      }
      text += family.text
    }
    pieces.push(Buffer.from(text + format.end))
    return pieces
  }

  *#addMetric(
    families: Map<string, Family>,
    metric: MetricData,
    scopeText: string,
    format: Format,
  ): Work<void> {
    const kind = kindOf(metric)
    const name = this.#name(metric, kind)
    const { family: familyName, type } = format.familyOf(name, kind === 'counter')
    const family = families.get(familyName) ?? {
      type,
      pieces: [],
      text: header(familyName, type, format.escapeHelp(metric.descriptor.description)),
    }
    // Two types under one name would make the whole scrape invalid.
    if (family.type !== type) return
    families.set(familyName, family)
    const hasCreated = this.#options.created === true && format.hasCreated && type === 'counter'
    for (const points of pointsOf(metric)) {
      const { values, attributes } = points
      const labels = this.#allLabels.get(attributes) ?? []
      this.#allLabels.set(attributes, labels)
      yield* inPieces(values.length, (start, end) => {
        let lines = ''
        for (let index = start; index < end; index++) {
          labels[index] ??= this.#braces(attributes[index], scopeText)
          lines += `${name}${labels[index]}${valueText(values[index])}\n`
          if (hasCreated) {
            const created = toSeconds(points.startAt(index))
            lines += `${familyName}_created${labels[index]}${created}\n`
          }
        }
        family.text += lines
        if (family.text.length < PIECE_LENGTH) return
        family.pieces.push(Buffer.from(family.text))
        family.text = ''
      })
    }
  }

  #name(metric: MetricData, kind: MetricKind): string {
    const { descriptor } = metric
    const known = this.#names.get(descriptor)
    if (known !== undefined) return known
    const name =
      (descriptor as Partial<ClassicDescriptor>).prometheusName ??
      prometheusName(descriptor.name, descriptor.unit, kind)
    const kept = inOnePiece(name)
    this.#names.set(descriptor, kept)
    return kept
  }

  /** What is between a name and a value: labels in braces, if there are any, and a space. */
  #braces(attributes: Attributes, scopeText: string): string {
    let labels = this.#labels.get(attributes)
    if (labels === undefined) {
      // One collector has made the attributes, so their scope is always the same.
      const both = [labelText(attributes), scopeText].filter((text) => text !== '').join(',')
      labels = both === '' ? ' ' : inOnePiece(`{${both}} `)
      this.#labels.set(attributes, labels)
    }
    return labels
  }
}

/** The same text; a concatenation of strings is put together again each time that it is copied into another text. */
function inOnePiece(text: string): string {
  return Buffer.from(text).toString()
}

function header(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function targetInfo(resource: Resource, { targetInfo: { family, type } }: Format): string {
  const labels = labelText(resource.attributes as Attributes)
  if (labels === '') return ''
  return `${header(family, type, 'Target metadata')}target_info{${labels}} 1\n`
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? '+Inf' : '-Inf'
}
